package dev.fovea.converter.source;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Maps;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.jetbrains.annotations.Nullable;

/// The tensors of a published checkpoint, in one file or in shards. Files stay mapped until [#close()], so tensors take no memory.
/// Any number of threads may read.
public final class Source implements AutoCloseable {
  /// File names to look for in a folder, in order of preference.
  private static final List<String> WELL_KNOWN = List.of("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
      "pytorch_model.bin.index.json", "open_clip_model.safetensors", "open_clip_pytorch_model.bin");
  private static final List<String> ENDINGS = List.of(".safetensors", ".bin", ".pth", ".pt", ".npz");

  private static final String CONFIG = "config.json";
  private static final String LFS = "version https://git-lfs";
  private static final int BEGIN = 64;
  private static final Pattern CONTROL = Pattern.compile("\\p{Cntrl}");

  private final String name;
  private final Map<String, SourceTensor> tensors;
  private final List<String> leftOut;
  private final Classes classes;
  private final @Nullable GraphFacts graph;
  private final List<OpenFile> files;

  Source(String name, Map<String, SourceTensor> tensors, List<String> leftOut, List<OpenFile> files) {
    this(name, tensors, leftOut, Classes.NONE, files);
  }

  /// @param leftOut names of tensors that do not belong to the model
  Source(String name, Map<String, SourceTensor> tensors, List<String> leftOut, Classes classes, List<OpenFile> files) {
    this(name, tensors, leftOut, classes, null, files);
  }

  Source(String name, Map<String, SourceTensor> tensors, GraphFacts graph, List<OpenFile> files) {
    this(name, tensors, List.of(), Classes.NONE, graph, files);
  }

  private Source(String name, Map<String, SourceTensor> tensors, List<String> leftOut, Classes classes, @Nullable GraphFacts graph,
      List<OpenFile> files) {
    this.name = name;
    this.tensors = ImmutableMap.copyOf(tensors);
    this.leftOut = List.copyOf(leftOut);
    this.classes = classes;
    this.graph = graph;
    this.files = List.copyOf(files);
    for (var each : this.tensors.keySet()) requirePlain(name, each);
  }

  /// @throws CheckpointException if a tensor's name has control characters, which could forge messages
  static void requirePlain(String file, String name) {
    if (CONTROL.matcher(name).find())
      throw new CheckpointException(file + ": expected names without control characters, got '"
          + CONTROL.matcher(name).replaceAll("?") + "'");
  }

  /// Opens a checkpoint: its file, its index, or its folder.
  ///
  /// @throws CheckpointException if there is none, it cannot be read, or it breaks a rule of its format
  public static Source open(Path path) {
    var file = find(path);
    return isIndex(file) ? Shards.open(file) : openFile(file);
  }

  /// The files that [#open] reads: the file of weights and those that it names, or the index and the shards.
  ///
  /// @throws CheckpointException if there is none, or an index cannot be read
  public static List<Path> files(Path path) {
    var file = find(path);
    return isIndex(file) ? Shards.files(file) : OnnxFile.isNamed(file) ? OnnxFile.files(file) : List.of(file);
  }

  /// The names of the weight files: those in an index, whether they exist or not, or the file's own.
  ///
  /// @throws CheckpointException if the index is broken, or names a file elsewhere
  public static List<String> shards(Path file) {
    return isIndex(file) ? Shards.names(file) : List.of(file.getFileName().toString());
  }

  /// Whether a file's name is that of an index of shards.
  public static boolean isIndex(Path file) {
    return file.getFileName().toString().endsWith(Shards.ENDING);
  }

  private static Path find(Path path) {
    if (!Files.exists(path)) throw new CheckpointException(path + ": no such file or folder");
    return Files.isDirectory(path) ? findIn(path) : path;
  }

  /// The folder with the files beside a checkpoint, such as its config: `path` itself, or that of the file. Above a folder `onnx`,
  /// where optimum may put a graph, it is the one with the config.
  public static Path folder(Path path) {
    if (Files.isDirectory(path)) return path;
    var folder = path.toAbsolutePath().getParent();
    boolean above = OnnxFile.isNamed(path) && folder.endsWith("onnx") && !Files.exists(folder.resolve(CONFIG))
        && Files.exists(folder.resolveSibling(CONFIG));
    return above ? folder.getParent() : folder;
  }

  private static Path findIn(Path folder) {
    try (var all = Files.list(folder)) {
      var names = all.filter(Files::exists).map(file -> file.getFileName().toString()).toList();
      var graph = names.stream().noneMatch(Source::isWeights) ? OnnxFile.in(folder, names) : null;
      return graph != null ? graph : folder.resolve(choose(folder.toString(), names));
    } catch (IOException e) {
      throw new CheckpointException(folder + ": cannot be read: " + e.getMessage(), e);
    }
  }

  /// Whether a file's name is that of weights alone, without a graph.
  private static boolean isWeights(String name) {
    return WELL_KNOWN.contains(name) || ENDINGS.stream().anyMatch(name::endsWith);
  }

  /// The weights, or their index, among the files of a folder.
  ///
  /// @param where the folder's name in messages
  /// @throws CheckpointException if none has a well-known name, and not exactly one has a known ending
  public static String choose(String where, Collection<String> names) {
    for (var each : WELL_KNOWN) if (names.contains(each)) return each;
    var some = names.stream().filter(name -> ENDINGS.stream().anyMatch(name::endsWith)).sorted().toList();
    if (some.size() == 1) return some.getFirst();
    throw new CheckpointException(where + ": expected " + String.join(", ", WELL_KNOWN) + " or one file that ends in "
        + String.join(", ", ENDINGS) + "; got "
        + (some.isEmpty() ? "none" : String.join(", ", some.subList(0, Math.min(4, some.size()))) + "; say which"));
  }

  /// Opens a file that is no index.
  static Source openFile(Path file) {
    var mapped = MappedFile.open(file);
    try {
      var source = mapped.reading(() -> read(mapped));
      if (source != null) return source;
    } catch (RuntimeException | InternalError e) {
      mapped.close();
      throw e;
    }
    mapped.close();
    return safetensors(file);
  }

  /// Reads a file that begins like a zip or a pickle; null for others.
  private static @Nullable Source read(MappedFile file) {
    if (TorchFile.isStream(file.bytes())) return TorchFile.readStream(file);
    if (!ZipArchive.isZip(file.bytes())) {
      requireFetched(file);
      if (OnnxFile.isNamed(file.path())) return OnnxFile.read(file);
      requireSafetensors(file);
      return null;
    }
    var zip = new ZipArchive(file);
    var pickle = TorchFile.pickleIn(zip);
    if (pickle != null) return TorchFile.readZip(file, zip, pickle);
    if (NpzFile.isNpz(zip)) return NpzFile.read(file, zip);
    throw new CheckpointException(file.path() + ": expected a zip of torch.save with one data.pkl, or an .npz; got "
        + zip.names().stream().limit(4).toList());
  }

  private static String begin(MappedFile file) {
    return new String(file.bytes().asSlice(0, Math.min(BEGIN, file.bytes().byteSize())).toArray(ValueLayout.JAVA_BYTE),
        StandardCharsets.ISO_8859_1);
  }

  private static void requireFetched(MappedFile file) {
    if (begin(file).startsWith(LFS))
      throw new CheckpointException(file.path() + ": holds no weights but Git LFS's note where they are; fetch the file itself");
  }

  /// A file not called `.safetensors` must at least look like one, because its errors would mislead.
  private static void requireSafetensors(MappedFile file) {
    if (!file.path().toString().endsWith(".safetensors") && begin(file).indexOf('{') != Long.BYTES)
      throw new CheckpointException(file.path()
          + ": expected a file of torch.save, an .npz or a safetensors file; it begins like none of them");
  }

  private static Source safetensors(Path file) {
    var checkpoint = Checkpoint.open(file);
    try {
      return new Source(checkpoint.name(), Maps.transformValues(checkpoint.tensors(), SourceTensor::of), List.of(),
          List.of(new OpenFile.Safetensors(file, checkpoint)));
    } catch (CheckpointException e) {
      checkpoint.close();
      throw e;
    }
  }

  /// The path that was opened.
  public String name() {
    return name;
  }

  /// The tensors by name, in the order of the checkpoint.
  public Map<String, SourceTensor> tensors() {
    return tensors;
  }

  /// The tensor called `name`.
  ///
  /// @throws CheckpointException if there is none, or it has another number of dimensions, or no elements
  public SourceTensor tensor(String name, int dimensions) {
    var tensor = tensors.get(name);
    if (tensor == null) throw new CheckpointException(this.name + ": there is no '" + name + "'");
    if (tensor.shape().size() != dimensions || tensor.size() == 0)
      throw new CheckpointException(this.name + ": '" + name + "': expected " + dimensions + " dimensions, got " + tensor.shape());
    return tensor;
  }

  /// Names of tensors that do not belong to the model, such as those used in training only.
  public List<String> leftOut() {
    return leftOut;
  }

  /// Class names and colours stored in the checkpoint.
  public Classes classes() {
    return classes;
  }

  /// What the checkpoint's graph tells beside the tensors; null for a checkpoint of tensors alone.
  public @Nullable GraphFacts graph() {
    return graph;
  }

  /// The files that hold tensors, in the order of the checkpoint.
  public List<Path> paths() {
    return files.stream().map(OpenFile::path).toList();
  }

  /// The open files, for a source that combines several.
  List<OpenFile> files() {
    return files;
  }

  /// Runs `reader`, which reads the tensors, and reports a file that another program truncates meanwhile.
  ///
  /// @throws CheckpointException if a file was truncated
  public <T> T reading(Supplier<T> reader) {
    return reading(files, reader);
  }

  private static <T> T reading(List<OpenFile> files, Supplier<T> reader) {
    return files.isEmpty() ? reader.get() : files.getFirst().reading(() -> reading(files.subList(1, files.size()), reader));
  }

  /// Closes the files; closing twice is harmless.
  @Override
  public void close() {
    files.forEach(OpenFile::close);
  }
}
