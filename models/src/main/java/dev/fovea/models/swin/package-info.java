/// Swin transformers, as parts of other models.
package dev.fovea.models.swin;
