package dev.fovea.converter.source;

import com.google.common.collect.Sets;
import dev.fovea.converter.source.PickleValue.Dict;
import dev.fovea.converter.source.PickleValue.ScriptModule;
import dev.fovea.converter.source.PickleValue.TensorView;
import dev.fovea.engine.checkpoint.CheckpointException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jetbrains.annotations.Nullable;

/// The model's tensors in a training checkpoint: its state_dict may be nested, and its names may begin with wrappers' prefixes.
///
/// @param leftOut names of a teacher's training heads beside the backbone
/// @param classes those that the training stored
record StateDict(Map<String, TensorView> tensors, List<String> leftOut, Classes classes) {
  /// Keys under which training code saves a model; of several, the first counts.
  private static final List<String> PLACES = List.of("state_dict", "model_state_dict", "model_state", "teacher", "model_ema",
      "ema", "model", "module",
      "net", "network", "params", "weights");
  /// Prefixes that wrappers put before all names.
  private static final List<String> WRAPPERS = List.of("module.", "_orig_mod.", "backbone.");
  private static final String BACKBONE = "backbone.";
  private static final int MAX_DEPTH = 8;
  private static final int MAX_MODULE_DEPTH = 64;
  private static final int SHOWN = 6;

  /// @throws CheckpointException if there are no tensors, or two have the same name
  static StateDict of(String file, @Nullable Object value) {
    if (value instanceof ScriptModule module) return unwrapped(attributes(file, module), Classes.NONE);
    if (!(value instanceof Dict dict))
      throw new CheckpointException(file + ": expected a dictionary of tensors, got " + Pickle.kind(value));
    var found = find(dict, 0, Sets.newIdentityHashSet());
    if (found == null)
      throw new CheckpointException(file + ": expected tensors, or a dictionary of tensors under " + String.join(", ", PLACES)
          + "; got " + keys(dict));
    var tensors = new LinkedHashMap<String, TensorView>();
    tensors(file, "", found, tensors);
    return unwrapped(tensors, Classes.in(dict));
  }

  /// The tensors of a module and its submodules, under their names in a state_dict.
  private static Map<String, TensorView> attributes(String file, ScriptModule module) {
    var tensors = new LinkedHashMap<String, TensorView>();
    collect(file, "", module, 0, Sets.newIdentityHashSet(), tensors);
    if (tensors.isEmpty()) throw new CheckpointException(file + ": expected tensors, got a module without any");
    return tensors;
  }

  /// @param seen attributes visited before: a module may contain itself
  private static void collect(String file, String scope, ScriptModule module, int depth, Set<Dict> seen,
      Map<String, TensorView> tensors) {
    var attributes = module.attributes();
    if (depth == MAX_MODULE_DEPTH)
      throw new CheckpointException(file + ": expected modules nested at most " + MAX_MODULE_DEPTH + " deep");
    if (!seen.add(attributes))
      throw new CheckpointException(file + ": '" + plain(scope) + "' is a module that is elsewhere, too");
    tensors(file, scope, attributes, tensors);
    for (int i = 0; i < attributes.keys().size(); i++)
      if (attributes.values().get(i) instanceof ScriptModule inner && attributes.keys().get(i) instanceof String name)
        collect(file, scope + name + ".", inner, depth + 1, seen, tensors);
  }

  /// @param seen dictionaries visited before: one may contain itself
  private static @Nullable Dict find(Dict dict, int depth, Set<Dict> seen) {
    if (depth == MAX_DEPTH || !seen.add(dict)) return null;
    for (var place : PLACES)
      if (dict.get(place) instanceof Dict inner && find(inner, depth + 1, seen) instanceof Dict found) return found;
    if (hasTensors(dict)) return dict;
    var inner = dict.values().stream().filter(each -> each instanceof Dict d && hasTensors(d)).limit(2).toList();
    return inner.size() == 1 ? (Dict) inner.getFirst() : null;
  }

  private static boolean hasTensors(Dict dict) {
    return dict.values().stream().anyMatch(TensorView.class::isInstance);
  }

  private static String keys(Dict dict) {
    var keys = dict.keys().stream().filter(String.class::isInstance).limit(SHOWN)
        .map(key -> plain((String) key)).toList();
    return keys.isEmpty() ? "none" : String.join(", ", keys) + (dict.keys().size() > keys.size() ? ", …" : "");
  }

  /// Adds the tensors of a dictionary to `tensors`, under their names in `scope`.
  private static void tensors(String file, String scope, Dict dict, Map<String, TensorView> tensors) {
    for (int i = 0; i < dict.keys().size(); i++)
      if (dict.values().get(i) instanceof TensorView tensor && dict.keys().get(i) instanceof String name
          && tensors.put(scope + name, tensor) != null)
        throw new CheckpointException(file + ": there are two tensors '" + plain(scope + name) + "'");
  }

  private static String plain(String name) {
    return name.replaceAll("\\p{Cntrl}", "?");
  }

  /// Removes wrappers' prefixes. A teacher's model is its backbone, without its training heads.
  private static StateDict unwrapped(Map<String, TensorView> tensors, Classes classes) {
    var names = new LinkedHashMap<String, TensorView>(tensors);
    for (int i = 0; i < MAX_DEPTH; i++)
      for (var wrapper : WRAPPERS)
        if (names.keySet().stream().allMatch(name -> name.length() > wrapper.length() && name.startsWith(wrapper)))
          names = renamed(names, wrapper);
    var heads = names.keySet().stream().filter(name -> name.matches("(head|dino_head|ibot_head)\\.[\\w.]+")).toList();
    long backbone = names.keySet().stream().filter(name -> name.startsWith(BACKBONE)).count();
    if (heads.isEmpty() || backbone + heads.size() != names.size()) return new StateDict(names, List.of(), classes);
    names.keySet().removeAll(heads);
    return new StateDict(renamed(names, BACKBONE), new ArrayList<>(heads), classes);
  }

  private static LinkedHashMap<String, TensorView> renamed(Map<String, TensorView> names, String prefix) {
    var renamed = new LinkedHashMap<String, TensorView>();
    names.forEach((name, tensor) -> renamed.put(name.substring(prefix.length()), tensor));
    return renamed;
  }
}
