"""Running suites with Great Expectations. Only running one imports the library; importing this package doesn't."""
