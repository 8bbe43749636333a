"""How much is needed, and when: forecasts of load, and the capacity that they call for."""
