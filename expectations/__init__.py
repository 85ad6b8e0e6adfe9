"""What is expected of data: contract, row rules, suites, profile, drift and the report. No I/O to a warehouse or source."""
