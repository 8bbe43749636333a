"""The decision of the semantic cache: may this stored answer be given, and how do we know? Pure: no I/O, no clock."""
