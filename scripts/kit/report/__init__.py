"""Results, and what is made of them: text, comparison, JUnit, KCIDB, the page."""
