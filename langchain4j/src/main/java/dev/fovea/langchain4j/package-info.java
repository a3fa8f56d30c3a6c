/// Fovea's models behind the interfaces of LangChain4j: embeddings of texts and pictures, scores of a text for a query, and
/// conversations about pictures, computed in the process.
package dev.fovea.langchain4j;
