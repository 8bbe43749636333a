"""Those who start and end replicas, behind one protocol."""
