/// Language models that see: a picture tower, an adapter and a decoder.
package dev.fovea.models.vlm;
