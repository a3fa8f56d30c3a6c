package dev.fovea.engine.image.webp;

/// The subtract-green transform: green was subtracted from red and blue (RFC 9649, section 3.5.3).
record GreenTransform() implements LosslessTransform {
  @Override
  public int[] undo(int[] pixels, int width, int height) {
    for (int i = 0; i < pixels.length; i++) {
      int green = pixels[i] >> 8 & 0xff;
      pixels[i] = Argb.plus(pixels[i], green << 16 | green);
    }
    return pixels;
  }
}
