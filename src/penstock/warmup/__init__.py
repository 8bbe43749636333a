"""What is made warm before and after the first call: tasks at the start, connections and instances while serving."""
