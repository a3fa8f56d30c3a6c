/// Downloads published checkpoints from a hub that speaks the Hugging Face protocol. The only package that uses a network.
package dev.fovea.converter.hub;
