package dev.fovea.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.image.Preprocessing.Pixels;
import dev.fovea.engine.image.Preprocessing.Size;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Pictures for language models: padded to a square, or cut into tiles.
class PicturePreparationTest {
  private static final String AS_IS = "\"do_rescale\": false, \"do_normalize\": false";

  private static PicturePreparation of(String json) {
    return PicturePreparation.of(JsonFields.parse("p.json", json));
  }

  /// Red tells the column, green the row.
  private static Picture grid(int width, int height) {
    var rgb = new byte[3 * width * height];
    for (int i = 0; i < width * height; i++) {
      rgb[3 * i] = (byte) (i % width);
      rgb[3 * i + 1] = (byte) (i / width);
    }
    return new Picture("grid", width, height, rgb);
  }

  private static int at(Pixels pixels, int channel, int x, int y) {
    return (int) pixels.values()[(channel * pixels.height() + y) * pixels.width() + x];
  }

  @Test
  void theRestOfASquareHasTheColourGivenOnBothSides() {
    var square = of("{\"size\": {\"height\": 8, \"width\": 8}, \"min_size\": 1, \"background_color\": [10, 20, 30], " + AS_IS
        + "}");
    assertThat(square.size()).isEqualTo(new Size(8, 8));
    var inputs = square.apply(grid(8, 3));
    assertThat(inputs.rows()).isZero();
    var pixels = inputs.pixels().getFirst();
    for (int y : new int[] {0, 1, 5, 7})
      assertThat(List.of(at(pixels, 0, 3, y), at(pixels, 1, 3, y), at(pixels, 2, 3, y))).isEqualTo(List.of(10, 20, 30));
    assertThat(at(pixels, 0, 3, 2)).isEqualTo(3);
    assertThat(at(pixels, 1, 3, 4)).isEqualTo(2);
    var upright = square.apply(grid(4, 8)).pixels().getFirst();
    assertThat(at(upright, 2, 1, 0)).isEqualTo(30);
    assertThat(at(upright, 0, 2, 7)).isZero();
    assertThat(at(upright, 0, 5, 7)).isEqualTo(3);
    assertThat(at(upright, 0, 6, 7)).isEqualTo(10);
  }

  @Test
  void theColourIsThatOfTheMeanIfNoneIsGiven() {
    var square = (PaddedSquare) of("""
        {"size": {"height": 8, "width": 8}, "min_size": 2, "image_mean": [0.5, 0.48145466, 0.2], "image_std": [1, 1, 1]}""");
    assertThat(square.colour()).isEqualTo(127 << 16 | 122 << 8 | 51);
    assertThat(square.resample()).isEqualTo(Resample.BICUBIC);
  }

  /// A thin strip keeps at least the smallest side; sides are rounded half to even.
  @ParameterizedTest
  @CsvSource({"64,2,8,4", "2,64,4,8", "16,9,8,4", "16,11,8,6"})
  void stripsKeepASmallestSide(int width, int height, int toWidth, int toHeight) {
    var square = of("{\"size\": {\"height\": 8, \"width\": 8}, \"min_size\": 4, \"background_color\": [255, 0, 255], " + AS_IS
        + "}");
    var white = new byte[3 * width * height];
    Arrays.fill(white, (byte) 255);
    var pixels = square.apply(new Picture("white", width, height, white)).pixels().getFirst();
    int count = 0;
    for (int i = 64; i < 128; i++) if (pixels.values()[i] == 255) count++;
    assertThat(count).isEqualTo(toWidth * toHeight);
  }

  @ParameterizedTest
  @ValueSource(strings = {"{\"size\": {\"height\": 8, \"width\": 9}, \"min_size\": 1, \"image_mean\": [0,0,0], \"image_std\": "
      + "[1,1,1]}",
      "{\"size\": {\"height\": 8, \"width\": 8}, \"min_size\": 9, \"image_mean\": [0,0,0], \"image_std\": [1,1,1]}",
      "{\"size\": {\"height\": 8, \"width\": 8}, \"min_size\": 1, \"image_mean\": [0,0,0], \"image_std\": [1,1,1], "
      + "\"do_pad\": false}",
      "{\"size\": {\"height\": 8, \"width\": 8}, \"min_size\": 1, \"image_mean\": [0,0,0], \"image_std\": [1,0,1]}",
      "{\"size\": {\"height\": 8, \"width\": 8}, \"background_color\": [1, 2], \"image_mean\": [0,0,0], \"image_std\": [1,1,1]}",
      "{\"size\": {\"height\": 8, \"width\": 8}, \"background_color\": [1, 2, 256], \"image_mean\": [0,0,0], \"image_std\": "
      + "[1,1,1]}",
      "{\"size\": {\"height\": 900000, \"width\": 900000}, \"min_size\": 1, \"image_mean\": [0,0,0], \"image_std\": [1,1,1]}",
      "{\"min_size\": 1, \"high_res_size\": {\"height\": 1024, \"width\": 1024}}",
      "{\"max_image_size\": {\"longest_edge\": 0}, \"size\": {\"longest_edge\": 8}, \"do_normalize\": false}",
      "{\"max_image_size\": {\"longest_edge\": 1}, \"size\": {\"longest_edge\": 4096}, \"do_normalize\": false}",
      "{\"max_image_size\": {\"longest_edge\": 8}, \"size\": {\"longest_edge\": -1}, \"do_normalize\": false}",
      "{\"max_image_size\": {\"longest_edge\": 8}, \"size\": {\"height\": 8}, \"do_normalize\": false}"})
  void unusableConfigsAreRefused(String json) {
    assertThatThrownBy(() -> of(json)).isInstanceOf(CheckpointException.class).hasMessageStartingWith("p.json").message()
        .doesNotContain("\n");
  }

  /// Rows and columns as the published processor's: the longest edge, then an even side, then multiples of the tile.
  @ParameterizedTest
  @CsvSource({"90,50,64,32,2,2", "100,100,64,32,2,2", "10,10,32,32,0,0", "200,20,128,32,1,4", "20,200,128,32,4,1",
      "3,5,2048,512,4,3",
      "640,480,2048,512,3,4", "640,480,1536,384,3,4", "1000,5,2048,512,1,4", "333,1000,1456,364,4,2", "8000,8000,9000,512,8,8"})
  void tilesCoverThePicture(int width, int height, int edge, int tile, int rows, int columns) {
    var tiles = new PictureTiles(tile, edge, true, Resample.BILINEAR, new Normalisation(1, new float[3], new float[] {1, 1, 1}));
    assertThat(tiles.grid(width, height)).isEqualTo(new Size(columns, rows));
    if (width * height > 10_000) return;
    var inputs = tiles.apply(grid(width, height));
    assertThat(inputs.rows()).isEqualTo(rows);
    assertThat(inputs.columns()).isEqualTo(columns);
    assertThat(inputs.pixels()).hasSize(rows * columns + 1).allMatch(p -> p.width() == tile && p.height() == tile);
  }

  @Test
  void tilesStandRowByRowBeforeTheWhole() {
    var json = "{\"max_image_size\": {\"longest_edge\": 4}, \"size\": {\"longest_edge\": 8}, " + AS_IS + "}";
    var inputs = of(json).apply(grid(8, 8));
    assertThat(inputs.pixels().stream().map(p -> List.of(at(p, 0, 0, 0), at(p, 1, 0, 0))).toList().subList(0, 4))
        .isEqualTo(List.of(List.of(0, 0), List.of(4, 0), List.of(0, 4), List.of(4, 4)));
    assertThat(at(inputs.pixels().get(4), 0, 3, 0)).isBetween(5, 7);
    var whole = ((PictureTiles) of(json)).unsplit().apply(grid(8, 8));
    assertThat(whole.rows()).isZero();
    assertThat(whole.pixels()).isEqualTo(inputs.pixels().subList(4, 5));
    assertThat(of(json.replace("{\"max", "{\"do_image_splitting\": false, \"max"))).isEqualTo(((PictureTiles) of(json)).unsplit());
  }

  @Test
  void aSinglePreprocessingNeedsAFixedSize() {
    var cropped = of("{\"size\": {\"shortest_edge\": 8}, \"do_center_crop\": true, \"crop_size\": {\"height\": 6, \"width\": 7}, "
        + AS_IS + "}");
    assertThat(cropped.size()).isEqualTo(new Size(7, 6));
    assertThat(cropped.apply(grid(20, 10)).pixels().getFirst().width()).isEqualTo(7);
    assertThat(of("{\"size\": {\"height\": 6, \"width\": 7}, " + AS_IS + "}").size()).isEqualTo(new Size(7, 6));
    assertThatThrownBy(() -> of("{\"size\": {\"shortest_edge\": 8}, " + AS_IS + "}").size())
        .isInstanceOf(CheckpointException.class);
  }

  @Test
  void stripsThatHoldNothingAreRefused() {
    for (var preparation : new PicturePreparation[] {of("{\"size\": {\"height\": 8, \"width\": 8}, \"min_size\": 1, " + AS_IS
        + "}"),
        of("{\"max_image_size\": {\"longest_edge\": 4}, \"size\": {\"longest_edge\": 8}, " + AS_IS + "}")})
      assertThatThrownBy(() -> preparation.apply(grid(201, 1))).isInstanceOf(ImageException.class).hasMessageContaining("200 : 1");
  }
}
