package dev.fovea.cli;

import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.PictureWriter;
import dev.fovea.models.explain.Chain;
import dev.fovea.models.explain.Explanation;
import dev.fovea.models.explain.HeadMaps;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jetbrains.annotations.Nullable;

/// The page on an explanation: one file of HTML, with style, script, picture and numbers in it.
///
/// Numbers are bytes in base64, with a scale for each row of the last dimension: a value is `byte · scale`, or
/// `(byte - 128) · scale` where values have signs. It is exact to half a scale.
final class ExplainPage {
  /// Bytes of a picture as PNG; larger ones become JPEG.
  private static final int MAX_PNG = 300_000;
  /// Floats of the operands of a layer; of larger ones only the first heads' are shown.
  private static final int MAX_OPERANDS = 150_000;

  /// Places in the page.
  private static final String STYLE = "/*STYLE*/", DATA = "/*DATA*/", SCRIPT = "/*SCRIPT*/";

  private ExplainPage() {}

  /// An array of bytes.
  ///
  /// @param scales a little-endian float32 for each row
  record Bytes(int[] shape, String scales, String bytes) {
    /// Values of at least 0.
    static Bytes unsigned(float[] values, int... shape) {
      return of(values, 255, 0, shape);
    }

    /// Values of both signs.
    static Bytes signed(float[] values, int... shape) {
      return of(values, 127, 128, shape);
    }

    private static Bytes of(float[] values, int most, int zero, int... shape) {
      int cols = shape[shape.length - 1], rows = cols == 0 ? 0 : values.length / cols;
      var scales = new float[rows];
      var bytes = new byte[values.length];
      for (int row = 0; row < rows; row++) {
        float largest = 0;
        for (int i = row * cols; i < (row + 1) * cols; i++) largest = Math.max(largest, Math.abs(values[i]));
        scales[row] = largest / most;
        for (int i = row * cols; i < (row + 1) * cols; i++)
          bytes[i] = (byte) (zero + (largest == 0 ? 0 : Math.round((double) values[i] / largest * most)));
      }
      return new Bytes(shape, base64(scales), Base64.getEncoder().encodeToString(bytes));
    }
  }

  static String base64(float[] values) {
    var bytes = ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return Base64.getEncoder().encodeToString(bytes.array());
  }

  static byte[] of(Explanation explanation, Map<String, Object> about) {
    // In a script element, only these letters could end it or begin a comment.
    var json = Json.LINE.toJson(data(explanation, about)).replace("<", "\\u003c").replace("\u2028", "\\u2028")
        .replace("\u2029", "\\u2029");
    var page = resource("explain.html").replace(STYLE, resource("explain.css"));
    int data = page.indexOf(DATA), script = page.indexOf(SCRIPT);
    var whole = page.substring(0, data) + json + page.substring(data + DATA.length(), script) + resource("explain.js")
        + page.substring(script + SCRIPT.length());
    return whole.getBytes(StandardCharsets.UTF_8);
  }

  private static String resource(String name) {
    try (InputStream in = ExplainPage.class.getResourceAsStream("explain/" + name)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// The numbers of the page, which can also be downloaded from it.
  static Map<String, Object> data(Explanation explanation, Map<String, Object> about) {
    var data = new LinkedHashMap<String, Object>();
    data.put("about", about);
    data.put("notes", explanation.notes());
    if (explanation.view() != null) data.put("picture", picture(explanation.view()));
    data.put("answers", explanation.answers());
    data.put("text", explanation.text());
    data.put("maps", explanation.maps().stream().map(ExplainPage::map).toList());
    data.put("chains", explanation.chains().stream().map(ExplainPage::chain).toList());
    data.put("operands", operands(explanation.operands()));
    data.put("positions", similarities(explanation.positions()));
    data.put("filters", filters(explanation.filters()));
    data.put("features", features(explanation.features()));
    data.put("effects", explanation.effects().stream().map(ExplainPage::effect).toList());
    data.put("samples", explanation.samples());
    return data;
  }

  private static Map<String, Object> picture(Picture picture) {
    var png = PictureWriter.png(picture);
    boolean small = png.length <= MAX_PNG;
    var source = Base64.getEncoder().encodeToString(small ? png : PictureWriter.jpeg(picture));
    return Map.of("width", picture.width(), "height", picture.height(), "source",
        "data:image/" + (small ? "png" : "jpeg") + ";base64," + source);
  }

  private static Map<String, Object> map(HeadMaps map) {
    var data = new LinkedHashMap<String, Object>();
    data.put("name", map.name());
    data.put("averaged", map.averaged());
    data.put("block", map.block());
    data.put("queries", ExplainData.runs(map.queries()));
    data.put("keys", ExplainData.runs(map.keys()));
    if (map.windows() != null) data.put("windows", map.windows());
    data.put("queryNames", map.queryNames());
    data.put("keyNames", map.keyNames());
    data.put("weights", Bytes.unsigned(map.weights(), ExplainData.shape(map)));
    if (map.classRow() != null)
      data.put("classRow", Bytes.unsigned(map.classRow(), map.inputs(), map.heads(), map.keys().count()));
    data.put("entropies", map.entropies());
    if (map.distances() != null) data.put("distances", map.distances());
    return data;
  }

  private static Map<String, Object> chain(Chain chain) {
    var data = new LinkedHashMap<String, Object>();
    data.put("prefix", chain.prefix());
    data.put("maps", chain.maps());
    data.put("tokens", ExplainData.runs(chain.tokens()));
    data.put("block", chain.block());
    var rollouts = new ArrayList<Bytes>();
    for (var rollout : chain.rollouts()) {
      int side = (int) Math.round(Math.sqrt(rollout.length));
      rollouts.add(Bytes.unsigned(rollout, side, side));
    }
    data.put("rollouts", rollouts);
    data.put("norms", chain.norms().stream().map(norms -> Bytes.unsigned(norms, norms.length)).toList());
    data.put("turns", chain.turns());
    data.put("nearness", chain.nearness());
    data.put("early", chain.early());
    return data;
  }

  private static @Nullable Map<String, Object> operands(Explanation.@Nullable Operands o) {
    if (o == null) return null;
    long each = (o.q().length + 2L * o.k().length) / o.heads();
    int heads = Math.clamp(MAX_OPERANDS / each, 1, o.heads());
    var data = new LinkedHashMap<String, Object>();
    data.put("name", o.name());
    data.put("heads", heads);
    data.put("allHeads", o.heads());
    data.put("depth", o.depth());
    data.put("queries", o.queries().count());
    data.put("keys", o.keys().count());
    data.put("q", base64(Arrays.copyOf(o.q(), o.q().length / o.heads() * heads)));
    data.put("k", base64(Arrays.copyOf(o.k(), o.k().length / o.heads() * heads)));
    data.put("v", base64(Arrays.copyOf(o.v(), o.v().length / o.heads() * heads)));
    return data;
  }

  private static @Nullable Map<String, Object> similarities(Explanation.@Nullable Similarities s) {
    if (s == null) return null;
    int cells = s.rows() * s.cols();
    return Map.of("rows", s.rows(), "cols", s.cols(), "block", s.block(), "cosines", Bytes.signed(s.cosines(), cells, cells));
  }

  private static @Nullable Map<String, Object> filters(Explanation.@Nullable Filters f) {
    if (f == null) return null;
    int inputs = f.channels() * f.size() * f.size();
    return Map.of("size", f.size(), "channels", f.channels(), "shares", f.shares(), "components",
        Bytes.signed(f.components(), f.components().length / inputs, inputs));
  }

  private static @Nullable Map<String, Object> features(Explanation.@Nullable Features f) {
    if (f == null) return null;
    return Map.of("rows", f.rows(), "cols", f.cols(), "shares", f.shares(), "components", base64(f.components()),
        "similarities", similarities(f.similarities()));
  }

  private static Map<String, Object> effect(Explanation.Effect e) {
    return Map.of("label", e.label(), "score", e.score(), "rows", e.rows(), "cols", e.cols(), "falls", base64(e.falls()));
  }

  /// The values of bytes, as the page decodes them; for tests.
  static float[] decoded(Bytes bytes, boolean signed) {
    var raw = Base64.getDecoder().decode(bytes.bytes);
    var scales = ByteBuffer.wrap(Base64.getDecoder().decode(bytes.scales)).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
    int cols = bytes.shape[bytes.shape.length - 1];
    var values = new float[raw.length];
    for (int i = 0; i < raw.length; i++) values[i] = ((raw[i] & 0xff) - (signed ? 128 : 0)) * scales.get(i / cols);
    return values;
  }
}
