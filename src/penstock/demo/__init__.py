"""The tour: a gateway before small model servers, played scene by scene on one machine."""
