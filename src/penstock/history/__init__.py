"""What happened when: windows of calls, rolled up, kept and asked for."""
