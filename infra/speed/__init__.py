"""Parts of the bench that need more than the retriever's core: workers, a server, a whole stack."""
