"""What flows to one caller: slow readers, pacing, merging of short events, heartbeats."""
