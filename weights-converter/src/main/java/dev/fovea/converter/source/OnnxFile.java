package dev.fovea.converter.source;

import dev.fovea.engine.checkpoint.CheckpointException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.jetbrains.annotations.Nullable;

/// Reads the parameters of an ONNX model that torch.onnx or optimum exported, under the names that they have in PyTorch. The format
/// has no mark at its beginning, so the file's name tells it.
final class OnnxFile {
  static final String ENDING = ".onnx";
  /// No files, for tensors that are in the model itself.
  static final OnnxTensor.OtherFiles NOWHERE = location -> {
    throw new CheckpointException("'" + OnnxTensor.plain(location) + "': expected no other file");
  };

  /// Where optimum puts a graph in a folder.
  private static final List<String> WELL_KNOWN = List.of("model.onnx", "onnx/model.onnx");
  /// Prefixes that wrappers put before all names: PyTorch's data parallelism, and sentence-transformers.
  private static final List<String> WRAPPERS = List.of("module.", "0.auto_model.", "auto_model.");
  private static final int MAX_FILES = 1000;

  private OnnxFile() {}

  static boolean isNamed(Path file) {
    return file.getFileName().toString().endsWith(ENDING);
  }

  /// The graph of a folder: under a well-known name, or the only one; null if there is none.
  ///
  /// @param names of the files in it
  /// @throws CheckpointException if there are several, and none has a well-known name
  static @Nullable Path in(Path folder, Collection<String> names) {
    for (var each : WELL_KNOWN) if (Files.isRegularFile(folder.resolve(each))) return folder.resolve(each);
    var graphs = names.stream().filter(name -> name.endsWith(ENDING)).sorted().toList();
    if (graphs.size() > 1)
      throw new CheckpointException(folder + ": expected " + String.join(", ", WELL_KNOWN) + " or one file that ends in " + ENDING
          + "; got " + String.join(", ", graphs.subList(0, Math.min(4, graphs.size()))) + "; say which");
    return graphs.isEmpty() ? null : folder.resolve(graphs.getFirst());
  }

  /// The model and the files beside it with elements of its tensors.
  ///
  /// @throws CheckpointException if it is no ONNX model, or names a file that is missing or elsewhere
  static List<Path> files(Path path) {
    try (var file = MappedFile.open(path)) {
      return file.reading(() -> {
        var graph = OnnxParser.read(path.toString(), file.bytes());
        var tensors = Stream.concat(graph.initializers().stream(), graph.nodes().stream()
            .flatMap(node -> node.attributes().values().stream()).map(OnnxNode.Attribute::tensor).filter(Objects::nonNull));
        var locations = tensors.map(tensor -> tensor.external().get("location")).filter(Objects::nonNull).distinct().toList();
        return Stream.concat(Stream.of(path), locations.stream().map(location -> beside(path, location))).toList();
      });
    }
  }

  /// @throws CheckpointException if it is no ONNX model or breaks a rule of the format, or a parameter's name cannot be told
  static Source read(MappedFile file) {
    var beside = new LinkedHashMap<String, MappedFile>();
    try {
      var name = file.path().toString();
      var graph = new OnnxGraph(name, OnnxParser.read(name, file.bytes()));
      var tensors = tensors(graph, location -> beside.computeIfAbsent(location, _ -> {
        if (beside.size() == MAX_FILES)
          throw new CheckpointException(name + ": expected at most " + MAX_FILES + " files of elements");
        return MappedFile.open(beside(file.path(), location));
      }).bytes());
      var prefix = wrapper(tensors);
      var files = new ArrayList<OpenFile>(List.of(file));
      files.addAll(beside.values());
      return new Source(name, unwrapped(tensors, prefix), new GraphFacts(graph, prefix), files);
    } catch (RuntimeException | InternalError e) {
      beside.values().forEach(MappedFile::close);
      throw e;
    }
  }

  /// A file that the model names must be in its folder: a name that leads elsewhere is an attack or a mistake.
  private static Path beside(Path model, String location) {
    if (!Shards.isPlain(location))
      throw new CheckpointException(model + ": expected names of files in its own folder, got '" + OnnxTensor.plain(location)
          + "'");
    var file = model.resolveSibling(location);
    if (!Files.isRegularFile(file))
      throw new CheckpointException(model + ": elements of its tensors are in '" + location + "', which is missing beside it");
    return file;
  }

  private static Map<String, SourceTensor> tensors(OnnxGraph graph, OnnxTensor.OtherFiles files) {
    var layers = new LinearLayers(graph).byName();
    var tensors = new LinkedHashMap<String, SourceTensor>();
    graph.stored().forEach((name, tensor) -> {
      if (OnnxGraph.isPublished(name) && isParameter(name, tensor) && !layers.containsKey(name))
        tensors.put(name, tensor.in(files).named(name));
    });
    layers.forEach((name, layer) -> {
      var matrix = layer.matrix().in(files).named(name);
      tensors.put(name, layer.transposed() ? matrix.permuted(List.of(1, 0)) : matrix);
    });
    return tensors;
  }

  /// Whether a value with a published name is a parameter or a buffer: a single word may also be the graph's own, such as a shape.
  private static boolean isParameter(String name, OnnxTensor tensor) {
    return name.indexOf('.') >= 0 || tensor.isFloat();
  }

  /// The wrapper's prefix that all names have; empty for none.
  private static String wrapper(Map<String, SourceTensor> tensors) {
    for (var wrapper : WRAPPERS)
      if (!tensors.isEmpty() && tensors.keySet().stream().allMatch(name -> name.startsWith(wrapper))) return wrapper;
    return "";
  }

  private static Map<String, SourceTensor> unwrapped(Map<String, SourceTensor> tensors, String prefix) {
    if (prefix.isEmpty()) return tensors;
    var renamed = new LinkedHashMap<String, SourceTensor>();
    tensors.forEach((name, tensor) -> renamed.put(name.substring(prefix.length()), tensor.named(name.substring(prefix.length()))));
    return renamed;
  }
}
