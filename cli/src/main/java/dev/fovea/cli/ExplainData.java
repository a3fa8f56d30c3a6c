package dev.fovea.cli;

import com.google.gson.stream.JsonWriter;
import dev.fovea.engine.checkpoint.NpzFile;
import dev.fovea.engine.checkpoint.NpzFile.Array;
import dev.fovea.engine.checkpoint.WholeFile;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.models.explain.Explanation;
import dev.fovea.models.explain.HeadMaps;
import java.io.OutputStreamWriter;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The numbers of an explanation by name, as JSON and as arrays.
final class ExplainData {
  private ExplainData() {}

  /// All numbers, the maps by the names of their layers.
  static Map<String, Array> arrays(Explanation explanation) {
    var arrays = new LinkedHashMap<String, Array>();
    for (var map : explanation.maps()) {
      arrays.put(map.name(), new Array(shape(map), map.weights()));
      arrays.put(map.name() + ".entropy", vector(map.entropies()));
      if (map.distances() != null) arrays.put(map.name() + ".distance", vector(map.distances()));
    }
    for (var chain : explanation.chains()) {
      for (int i = 0; i < chain.rollouts().size(); i++) {
        int side = (int) Math.round(Math.sqrt(chain.rollouts().get(i).length));
        arrays.put(chain.prefix() + "rollout." + i, new Array(new int[] {side, side}, chain.rollouts().get(i)));
      }
      for (int i = 0; i < chain.norms().size(); i++)
        arrays.put(chain.prefix() + "norm." + i, new Array(new int[] {chain.norms().get(i).length}, chain.norms().get(i)));
      arrays.put(chain.prefix() + "turn", vector(chain.turns()));
      arrays.put(chain.prefix() + "nearness", vector(chain.nearness()));
    }
    var o = explanation.operands();
    if (o != null) {
      arrays.put(o.name() + ".q", new Array(new int[] {o.heads(), o.queries().count(), o.depth()}, o.q()));
      arrays.put(o.name() + ".k", new Array(new int[] {o.heads(), o.keys().count(), o.depth()}, o.k()));
      arrays.put(o.name() + ".v", new Array(new int[] {o.heads(), o.keys().count(), o.depth()}, o.v()));
    }
    addParts(explanation, arrays);
    return arrays;
  }

  private static void addParts(Explanation explanation, Map<String, Array> arrays) {
    var positions = explanation.positions();
    if (positions != null) arrays.put("positions", square(positions));
    var filters = explanation.filters();
    if (filters != null) {
      int inputs = filters.channels() * filters.size() * filters.size();
      arrays.put("filters", new Array(new int[] {filters.components().length / inputs, filters.channels(), filters.size(),
          filters.size()}, filters.components()));
    }
    var features = explanation.features();
    if (features != null) {
      arrays.put("components", new Array(new int[] {features.rows(), features.cols(), 3}, features.components()));
      arrays.put("similarities", square(features.similarities()));
    }
    for (int i = 0; i < explanation.effects().size(); i++) {
      var effect = explanation.effects().get(i);
      arrays.put("effect." + i, new Array(new int[] {effect.rows(), effect.cols()}, effect.falls()));
    }
  }

  private static Array square(Explanation.Similarities similarities) {
    int cells = similarities.rows() * similarities.cols();
    return new Array(new int[] {cells, cells}, similarities.cosines());
  }

  private static Array vector(double[] values) {
    var floats = new float[values.length];
    for (int i = 0; i < floats.length; i++) floats[i] = (float) values[i];
    return new Array(new int[] {floats.length}, floats);
  }

  static int[] shape(HeadMaps map) {
    return new int[] {map.inputs(), map.heads(), map.queryCount(), map.keyCount()};
  }

  /// Runs of tokens, as `[kind, rows, cols]`.
  static List<List<Object>> runs(Tokens tokens) {
    return tokens.runs().stream().map(run -> List.<Object>of(run.kind().toString(), run.rows(), run.cols())).toList();
  }

  /// Writes `about`, what the maps' queries and keys are, and all arrays, each with its shape and its values in one list.
  static void writeJson(Path file, Explanation explanation, Map<String, Object> about) {
    WholeFile.write(file, channel -> {
      var out = new JsonWriter(new OutputStreamWriter(Channels.newOutputStream(channel), StandardCharsets.UTF_8));
      out.beginObject().name("about");
      Json.LINE.toJson(about, Map.class, out);
      out.name("notes");
      Json.LINE.toJson(explanation.notes(), List.class, out);
      out.name("answers");
      Json.LINE.toJson(explanation.answers(), List.class, out);
      out.name("maps").beginObject();
      for (var map : explanation.maps()) {
        var described = new LinkedHashMap<String, Object>();
        described.put("queries", runs(map.queries()));
        described.put("keys", runs(map.keys()));
        described.put("block", map.block());
        described.put("windows", map.windows());
        described.put("query_names", map.queryNames());
        described.put("key_names", map.keyNames());
        out.name(map.name());
        Json.LINE.toJson(described, Map.class, out);
      }
      out.endObject().name("arrays").beginObject();
      for (var array : arrays(explanation).entrySet()) {
        out.name(array.getKey()).beginObject().name("shape");
        Json.LINE.toJson(array.getValue().shape(), int[].class, out);
        out.name("values").beginArray();
        for (float value : array.getValue().values())
          if (Float.isFinite(value)) out.value(value);
          else out.value(Float.toString(value));
        out.endArray().endObject();
      }
      out.endObject().endObject().flush();
    });
  }
}
