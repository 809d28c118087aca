// Scaffold: replaced by the first end-to-end test.
