package dev.fovea.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import org.jetbrains.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Resizing, cropping and normalising, and the JSON that asks for them.
class PreprocessingTest {
  private static final String MEAN_STD = "\"image_mean\":[0,0,0],\"image_std\":[1,1,1]";

  /// Red tells the column, green the row, blue is 200.
  private static Picture grid(int width, int height) {
    var rgb = new byte[3 * width * height];
    for (int y = 0, at = 0; y < height; y++)
      for (int x = 0; x < width; x++) {
        rgb[at++] = (byte) (x + 1);
        rgb[at++] = (byte) (y + 1);
        rgb[at++] = (byte) 200;
      }
    return new Picture("grid", width, height, rgb);
  }

  private static Preprocessing plain(Preprocessing.@Nullable Resize resize, int @Nullable ... crop) {
    return new Preprocessing(resize, Resample.BILINEAR, crop, 1, new float[3], new float[] {1, 1, 1});
  }

  private static Preprocessing of(String json) {
    return Preprocessing.of(JsonFields.parse("p.json", json));
  }

  @ParameterizedTest
  @CsvSource({"40,20,10,20,10", "20,40,10,10,20", "33,20,10,16,10", "20,33,10,10,16", "640,480,256,341,256", "20,20,30,30,30"})
  void theShorterEdgeIsResizedAndTheLongerOneRoundedDown(int width, int height, int edge, int toWidth, int toHeight) {
    var input = plain(new Preprocessing.Resize(0, 0, edge), (int[]) null).apply(grid(width, height), 1);
    assertThat(input.width()).isEqualTo(toWidth);
    assertThat(input.height()).isEqualTo(toHeight);
    assertThat(input.values().length).isEqualTo(3 * toWidth * toHeight);
  }

  @Test
  void anExactSizeIsHeightThenWidth() {
    var input = plain(new Preprocessing.Resize(4, 6, 0), (int[]) null).apply(grid(10, 10), 1);
    assertThat(input.height()).isEqualTo(4);
    assertThat(input.width()).isEqualTo(6);
  }

  /// As Segment Anything's: the shorter side to the nearest pixel, then zeros below or on the right, whatever the normalisation.
  @ParameterizedTest
  @CsvSource({"40,20,10,5", "20,40,5,10", "33,20,10,6", "640,427,10,7", "7,7,10,10", "1,100,1,10"})
  void theLongerEdgeIsResizedAndTheRestPadded(int width, int height, int toWidth, int toHeight) {
    var p = of("{\"size\": {\"longest_edge\": 10}, \"do_pad\": true, \"pad_size\": {\"height\": 10, \"width\": 10}, \"rescale_factor\": 1,"
        + "\"image_mean\": [1000, 1000, 1000], \"image_std\": [1, 1, 1]}");
    assertThat(p.resizedSize(width, height)).isEqualTo(new Preprocessing.Size(toWidth, toHeight));
    var input = p.apply(grid(width, height), 1);
    assertThat(new int[] {input.width(), input.height()}).containsExactly(10, 10);
    for (int i = 0; i < 300; i++)
      if (i % 10 < toWidth && i / 10 % 10 < toHeight) assertThat(input.values()[i]).isNegative();
      else assertThat(input.values()[i]).isZero();
  }

  /// What transformers' `get_size_with_aspect_ratio` gives, with its rounding: 1332 of a limit of 1333, halves to even, and no resize
  /// of a picture whose shorter side is right.
  @ParameterizedTest
  @CsvSource({"640,480,800,1333,1066,800", "480,640,800,1333,800,1066", "640,427,800,1333,1199,800", "1920,1080,800,1333,1333,750",
      "1080,1920,800,1333,750,1333", "4000,1000,800,1333,1333,333", "1333,800,800,1333,1333,800", "1334,800,800,1333,1333,799",
      "2666,1600,800,1333,1333,800", "7,1400,800,1333,7,1400", "1400,7,800,1333,1400,7", "1,200,800,1333,7,1333",
      "128,128,128,213,128,128", "300,200,128,213,192,128", "128,300,128,213,91,213", "999,599,800,1333,1333,799",
      "3,5,800,1333,800,1333", "1,1,800,1333,800,800", "191,83,800,1333,1332,579", "212,94,800,1333,1332,591",
      "94,233,800,1333,538,1332", "600,300,800,1333,1333,666", "62,1,800,1333,1333,22", "200,1,8,13,13,1"})
  void theShorterEdgeIsResizedUnlessTheLongerIsTooLong(int width, int height, int shortest, int longest, int toWidth,
      int toHeight) {
    var p = Preprocessing.of(new JsonFields("p", Preprocessing.betweenEdges(shortest, longest)));
    assertThat(p.resize()).isEqualTo(new Preprocessing.Resize(0, 0, shortest, longest));
    assertThat(p.resample()).isEqualTo(Resample.BILINEAR);
    assertThat(p.resizedSize(width, height)).isEqualTo(new Preprocessing.Size(toWidth, toHeight));
    assertThat(p.inputSize(new Picture("p", width, height, new byte[3 * width * height]), 1))
        .isEqualTo(new Preprocessing.Size(toWidth, toHeight));
  }

  /// A shorter side alone would make these too large.
  @Test
  void theLongerEdgeLimitsWhatAStripCosts() {
    var limited = plain(new Preprocessing.Resize(0, 0, 1400, 2000), (int[]) null);
    assertThat(limited.apply(grid(200, 1), 1)).returns(2000, Preprocessing.Pixels::width).returns(10, Preprocessing.Pixels::height);
    assertThatThrownBy(() -> limited.apply(grid(201, 1), 1)).isInstanceOf(ImageException.class)
        .hasMessage("grid: the picture is 201x1, expected sides at most 200 : 1");
    assertThatThrownBy(() -> plain(new Preprocessing.Resize(0, 0, 1 << 30, 1 << 30), (int[]) null).apply(grid(4, 4), 1))
        .isInstanceOf(ImageException.class)
        .hasMessage("grid: preprocessed to 1073741824x1073741824 pixels, more than 100000000");
    assertThatThrownBy(() -> of("{\"size\": {\"shortest_edge\": 8, \"longest_edge\": 0}, " + MEAN_STD + "}"))
        .isInstanceOf(CheckpointException.class).hasMessage("p.json: expected sizes of at least 1, got 0");
  }

  @Test
  void whatIsLargerThanItsPaddingIsRefused() {
    var p = of("{\"do_resize\": false, \"do_pad\": true, \"pad_size\": 8, \"image_mean\": [0, 0, 0], \"image_std\": [1, 1, 1]}");
    assertThatThrownBy(() -> p.apply(grid(9, 4), 1)).isInstanceOf(ImageException.class)
        .hasMessage("grid: preprocessed to 9x4, which is more than pad_size 8x8");
  }

  @ParameterizedTest
  @CsvSource({"10,8,4,4,3,2", "9,7,4,4,2,1", "8,8,8,8,0,0", "11,5,4,5,3,0"})
  void theCentreIsCut(int width, int height, int cropWidth, int cropHeight, int left, int top) {
    var input = plain(null, cropHeight, cropWidth).apply(grid(width, height), 1);
    int area = cropWidth * cropHeight;
    assertThat(input.width()).isEqualTo(cropWidth);
    assertThat(input.height()).isEqualTo(cropHeight);
    assertThat(input.values()[0]).isEqualTo(left + 1);
    assertThat(input.values()[area]).isEqualTo(top + 1);
    assertThat(input.values()[area - 1]).isEqualTo(left + cropWidth);
    assertThat(input.values()[2 * area - 1]).isEqualTo(top + cropHeight);
    assertThat(input.values()[2 * area]).isEqualTo(200);
  }

  @Test
  void aResizedPictureIsCut() {
    var input = plain(new Preprocessing.Resize(0, 0, 8), 6, 6).apply(grid(32, 16), 1);
    assertThat(input.width()).isEqualTo(6);
    assertThat(input.height()).isEqualTo(6);
    assertThat(input.values()[0]).isEqualTo(Resample.BILINEAR.apply(grid(32, 16), 16, 8).rgb()[3 * (16 + 5)]);
  }

  /// Transformers pads by `ceil((crop - size) / 2)` above and on the left.
  @Test
  void aCropLargerThanThePictureIsPaddedWithBlack() {
    var values = plain(null, 4, 5).apply(grid(2, 2), 1).values();
    assertThat(values).isEqualTo(new float[] {
        0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 2, 2, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 200, 200, 0, 0, 0, 200, 200, 0, 0, 0, 0, 0, 0});
  }

  @Test
  void oneSidePaddedTheOtherCut() {
    var values = plain(null, 3, 2).apply(grid(4, 1), 1).values();
    assertThat(values).isEqualTo(new float[] {0, 0, 2, 3, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 200, 200, 0, 0});
  }

  @Test
  void channelsAreNormalised() {
    var picture = new Picture("p", 1, 1, new byte[] {(byte) 255, 0, 51});
    var p = new Preprocessing(null, Resample.BICUBIC, null, 1 / 255f, new float[] {0.5f, 0.25f, 0.1f}, new float[] {0.5f, 0.5f, 0.2f});
    var values = p.apply(picture, 1).values();
    assertThat(values[0]).isEqualTo(1f, within(1e-6f));
    assertThat(values[1]).isEqualTo(-0.5f, within(1e-6f));
    assertThat(values[2]).isEqualTo(0.5f, within(1e-6f));
  }

  /// Padding is black before normalisation.
  @Test
  void paddingIsNormalised() {
    var p = new Preprocessing(null, Resample.BICUBIC, new int[] {3, 3}, 1 / 255f, new float[] {0.5f, 0.5f, 0.5f}, new float[] {0.5f, 0.5f, 0.5f});
    assertThat(p.apply(grid(1, 1), 1).values()[0]).isEqualTo(-1f, within(1e-6f));
  }

  @Test
  void smallPicturesAreRefused() {
    assertThatThrownBy(() -> plain(null, (int[]) null).apply(grid(8, 3), 4))
        .isInstanceOf(ImageException.class).hasMessage("grid: the picture is 8x3, expected at least 4x4");
    assertThat(plain(null, (int[]) null).apply(grid(8, 4), 4).height()).isEqualTo(4);
  }

  /// A digit of 28 × 28, a strip, a dot: what counts is the size that the model sees.
  @Test
  void whatTheResizeEnlargesIsNotSmall() {
    var clip = Preprocessing.of(new JsonFields("clip", Preprocessing.centreOfShortestEdge(224, 224)));
    for (var picture : new Picture[] {grid(28, 28), grid(640, 20), grid(20, 640), grid(1, 1)}) {
      var input = clip.apply(picture, 32);
      assertThat(new int[] {input.height(), input.width()}).containsExactly(224, 224);
    }
    assertThat(plain(new Preprocessing.Resize(32, 48, 0), (int[]) null).apply(grid(1, 1), 32).width()).isEqualTo(48);
    assertThatThrownBy(() -> plain(new Preprocessing.Resize(3, 48, 0), (int[]) null).apply(grid(640, 640), 4))
        .isInstanceOf(ImageException.class).hasMessage("grid: the picture is 640x640, resized to 48x3, expected at least 4x4");
    assertThatThrownBy(() -> plain(new Preprocessing.Resize(0, 0, 1400), (int[]) null).apply(grid(200, 1), 4))
        .isInstanceOf(ImageException.class)
        .hasMessage("grid: the picture is 200x1, with a shorter side of 1400 it would have 392000000 pixels, more than 100000000");
    assertThatThrownBy(() -> plain(new Preprocessing.Resize(0, 0, Integer.MAX_VALUE), (int[]) null).apply(grid(200, 1), 4))
        .isInstanceOf(ImageException.class);
  }

  @Test
  void sizesThatNoPictureHas() {
    for (var p : new Preprocessing[] {plain(new Preprocessing.Resize(1 << 30, 1 << 30, 0), (int[]) null),
        plain(new Preprocessing.Resize(0, 0, 0, 1 << 30), (int[]) null), plain(null, 1 << 30, 1 << 30)})
      assertThatThrownBy(() -> p.apply(grid(4, 4), 1)).isInstanceOf(ImageException.class)
          .hasMessage("grid: preprocessed to 1073741824x1073741824 pixels, more than 100000000");
  }

  /// Where torchvision's `int(round((length - crop) / 2.0))` and transformers' `(length - crop) // 2` begin.
  @ParameterizedTest
  @CsvSource({"10,4,3,3", "9,4,2,2", "11,4,4,3", "13,4,4,4", "15,4,6,5", "7,4,2,1", "5,4,0,0", "4,4,0,0", "3,4,0,-1", "2,4,-1,-1", "1,4,-1,-2"})
  void whereTheCentreIs(int length, int crop, int torchvision, int transformers) {
    var fields = "{\"do_resize\": false, \"do_center_crop\": true, \"crop_size\": " + crop + ", " + MEAN_STD;
    var frame = of(fields + ", \"crop_rounding\": \"half_even\"}").frame(grid(length, crop));
    assertThat(frame).isEqualTo(new Preprocessing.Frame(length, crop, torchvision, 0, crop, crop));
    assertThat(of(fields + "}").frame(grid(crop, length)).top()).isEqualTo(transformers);
    assertThat(of(fields + ", \"crop_rounding\": \"down\"}").frame(grid(length, crop)).left()).isEqualTo(transformers);
    assertThatThrownBy(() -> of(fields + ", \"crop_rounding\": \"up\"}")).isInstanceOf(CheckpointException.class)
        .hasMessage("p.json: crop_rounding 'up': expected down or half_even");
  }

  @Test
  void stripsAreRefused() {
    var p = plain(new Preprocessing.Resize(2, 2, 0), (int[]) null);
    assertThat(p.apply(grid(200, 1), 1).width()).isEqualTo(2);
    assertThat(p.apply(grid(1, 200), 1).width()).isEqualTo(2);
    assertThatThrownBy(() -> p.apply(grid(201, 1), 1)).isInstanceOf(ImageException.class).hasMessageContaining("200 : 1");
    assertThatThrownBy(() -> p.apply(grid(1, 201), 1)).isInstanceOf(ImageException.class);
  }

  @Test
  void theStandardIsSquareAndFromMinusOneToOne() {
    var p = Preprocessing.of(new JsonFields("standard", Preprocessing.standard(4, 4)));
    var input = p.apply(new Picture("p", 1, 1, new byte[] {0, (byte) 255, 0}), 1);
    assertThat(input.width()).isEqualTo(4);
    assertThat(input.height()).isEqualTo(4);
    assertThat(input.values()[0]).isEqualTo(-1f, within(1e-6f));
    assertThat(input.values()[16]).isEqualTo(1f, within(1e-6f));
    assertThat(p.resample()).isEqualTo(Resample.BILINEAR);
  }

  @Test
  void imageNetsStatistics() {
    var p = Preprocessing.of(new JsonFields("standard", Preprocessing.imageNet(2, 3)));
    var input = p.apply(new Picture("p", 1, 1, new byte[] {(byte) 255, 0, 0}), 1);
    assertThat(new int[] {input.height(), input.width()}).containsExactly(2, 3);
    assertThat(input.values()[0]).isEqualTo((1 - 0.485f) / 0.229f, within(1e-6f));
    assertThat(input.values()[17]).isEqualTo(-0.406f / 0.225f, within(1e-6f));
    assertThat(p.resample()).isEqualTo(Resample.BICUBIC);
  }

  @Test
  void jsonWithShortestEdgeAndCrop() {
    var p = of("{\"size\":{\"shortest_edge\":256},\"do_center_crop\":true,\"crop_size\":{\"height\":224,\"width\":192},\"resample\":3," + MEAN_STD + "}");
    assertThat(p.resize()).isEqualTo(new Preprocessing.Resize(0, 0, 256));
    assertThat(p.crop()).isEqualTo(new int[] {224, 192});
    assertThat(p.resample()).isEqualTo(Resample.BICUBIC);
    assertThat(p.rescale()).isEqualTo(1 / 255f);
  }

  @Test
  void jsonWithPlainNumbers() {
    var p = of("{\"size\":32,\"do_center_crop\":true,\"crop_size\":24,\"resample\":1,\"do_normalize\":false,\"do_rescale\":false}");
    assertThat(p.resize()).isEqualTo(new Preprocessing.Resize(32, 32, 0));
    assertThat(p.crop()).isEqualTo(new int[] {24, 24});
    assertThat(p.resample()).isEqualTo(Resample.LANCZOS);
    assertThat(p.rescale()).isEqualTo(1);
    assertThat(p.std()).isEqualTo(new float[] {1, 1, 1});
  }

  @Test
  void jsonWithoutResize() {
    var p = of("{\"do_resize\":false,\"crop_size\":7," + MEAN_STD + "}");
    assertThat(p.resize()).isNull();
    assertThat(p.crop()).isNull();
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 0, 4, 5, 99})
  void unsupportedResampleCodesAreRefused(int code) {
    assertThatThrownBy(() -> of("{\"size\":8,\"resample\":" + code + "," + MEAN_STD + "}"))
        .isInstanceOf(CheckpointException.class).hasMessageStartingWith("p.json").hasMessageContaining("resample " + code);
  }

  /// Whatever is wrong with the file, the error is one that names it.
  @ParameterizedTest
  @ValueSource(strings = {
      "{}", "{\"size\":null}", "{\"size\":\"x\"}", "{\"size\":{}}", "{\"size\":{\"height\":8}}", "{\"size\":[8,8]}",
      "{\"size\":8,\"do_center_crop\":true}", "{\"size\":8,\"do_center_crop\":true,\"crop_size\":null}",
      "{\"size\":8,\"do_center_crop\":true,\"crop_size\":[1,2,3]}", "{\"size\":8}", "{\"size\":8,\"image_mean\":[0,0,0]}",
      "{\"size\":8,\"image_mean\":[0,0],\"image_std\":[1,1,1]}", "{\"size\":8,\"image_mean\":[0,0,0],\"image_std\":[1,0,1]}",
      "{\"size\":8,\"do_resize\":1}"})
  void wrongJson(String json) {
    assertThatThrownBy(() -> of(json)).isInstanceOf(CheckpointException.class).hasMessageStartingWith("p.json");
  }

  /// Sizes that cannot be made are refused when they are read.
  @ParameterizedTest
  @ValueSource(strings = {"\"size\":0", "\"size\":-4", "\"size\":{\"shortest_edge\":0}", "\"size\":{\"shortest_edge\":-1}", "\"size\":{\"height\":0,\"width\":8}",
      "\"size\":8,\"do_center_crop\":true,\"crop_size\":0", "\"size\":8,\"do_center_crop\":true,\"crop_size\":-1"})
  void sizesBelowOneAreRefused(String size) {
    assertThatThrownBy(() -> of("{" + size + "," + MEAN_STD + "}")).isInstanceOf(CheckpointException.class).hasMessageStartingWith("p.json");
  }

  /// 40 × 21 with a shorter side of 28 is 53 × 28, of which 42 × 28 is whole patches of 14.
  @Test
  void anotherSizeKeepsTheAspectAndWholePatches() {
    var wide = plain(new Preprocessing.Resize(5, 5, 0), 3, 3).atShorterSide(grid(40, 21), 28, 14);
    assertThat(wide.frame(grid(40, 21))).isEqualTo(new Preprocessing.Frame(53, 28, 5, 0, 42, 28));
    var input = wide.apply(grid(40, 21), 14);
    assertThat(new int[] {input.height(), input.width()}).containsExactly(28, 42);
    var high = plain(null, (int[]) null).atShorterSide(grid(21, 40), 28, 14);
    assertThat(high.frame(grid(21, 40))).isEqualTo(new Preprocessing.Frame(28, 53, 0, 5, 28, 42));
    assertThatThrownBy(() -> plain(null, (int[]) null).atShorterSide(grid(200, 1), 1400, 14)).isInstanceOf(ImageException.class)
        .hasMessage("grid: the picture is 200x1, with a shorter side of 1400 it would have 392000000 pixels, more than 100000000");
  }

  /// 8 × 4 pixels, of which the model saw the middle 4 × 4 as 2 × 2 cells.
  @Test
  void whatWasFoundGoesBackToItsPlace() {
    var cells = new Picture("cells", 2, 2, new byte[] {1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4});
    var spread = new Preprocessing.Frame(16, 8, 4, 0, 8, 8).spread(cells, 8, 4);
    var red = new StringBuilder();
    for (int i = 0; i < 32; i++) red.append(spread.rgb()[3 * i]).append(i % 8 == 7 ? "\n" : "");
    assertThat(red).hasToString("00112200\n00112200\n00334400\n00334400\n");
  }
}
