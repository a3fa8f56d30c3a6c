package dev.fovea.cli;

import dev.fovea.engine.image.mask.Box;
import dev.fovea.engine.image.mask.RunLengths;
import java.util.List;

/// COCO's JSON of masks, for pycocotools' `COCO`: pictures, categories, and annotations that refer to them by number.
record Coco<A>(List<Image> images, List<Category> categories, List<A> annotations) {
  record Image(int id, String fileName, int width, int height) {}

  record Category(int id, String name) {}

  /// A mask as COCO stores it.
  record Runs(int[] size, String counts) {
    static Runs of(RunLengths mask) {
      return new Runs(new int[] {mask.height(), mask.width()}, mask.compressed());
    }
  }

  /// A box as COCO stores it: left, top, width and height.
  static float[] xywh(Box box) {
    return new float[] {box.x0(), box.y0(), box.x1() - box.x0(), box.y1() - box.y0()};
  }
}
