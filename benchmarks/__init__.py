"""What the retriever is measured with, beside what one would use instead."""
