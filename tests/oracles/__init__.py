"""R's answers, stored as JSON, and a reader for them."""
