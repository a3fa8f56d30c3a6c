/// What a model attended to in one pass, as data: attention maps with what their queries and keys are, and what can be computed of
/// them.
package dev.fovea.models.explain;
