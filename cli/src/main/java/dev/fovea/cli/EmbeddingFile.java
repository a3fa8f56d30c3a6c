package dev.fovea.cli;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.checkpoint.Destination;
import dev.fovea.engine.checkpoint.NpyFile;
import dev.fovea.engine.checkpoint.WholeFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jetbrains.annotations.Nullable;

/// Formats of a file of vectors, chosen by the ending of its name.
enum EmbeddingFile {
  /// `[{"image", "embedding"}]`, or `[{"text", "embedding"}]`, a line each.
  JSON(".json"),
  /// `[pictures, D]`, with a JSON file of the pictures' names in row order beside it.
  NPY(".npy"),
  /// A tensor `embeddings` `[pictures, D]`, with the pictures' names in row order as JSON in the metadata.
  SAFETENSORS(".safetensors");

  private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final String ending;

  EmbeddingFile(String ending) {
    this.ending = ending;
  }

  /// The format of a file. A device or a pipe without an ending gets JSON.
  ///
  /// @throws Fovea.UsageException if the name has another ending
  static EmbeddingFile of(Path file) {
    for (var form : values()) if (file.toString().toLowerCase(Locale.ROOT).endsWith(form.ending)) return form;
    if (Destination.of(file).isStream()) return JSON;
    throw new Fovea.UsageException("--output: expected a file name that ends in .json, .npy or .safetensors, got " + file);
  }

  /// @param what the vectors are of: `image` or `text`
  static String json(List<Embedding> embeddings, String what) {
    var text = new StringBuilder();
    for (int i = 0; i < embeddings.size(); i++) text.append(jsonLine(embeddings, i, what));
    return text.toString();
  }

  private static String jsonLine(List<Embedding> embeddings, int i, String what) {
    var object = new JsonObject();
    object.addProperty(what, embeddings.get(i).name());
    object.add("embedding", Json.LINE.toJsonTree(embeddings.get(i).embedding()));
    return (i == 0 ? "[" : " ") + Json.LINE.toJson(object) + (i == embeddings.size() - 1 ? "]\n" : ",\n");
  }

  /// The file of names beside this one; null if the file itself has them.
  @Nullable Path names(Path file) {
    return this == NPY ? Path.of(file + ".names.json") : null;
  }

  /// Writes a file, all of it or nothing.
  ///
  /// @param embeddings at least one, all of one dimension
  /// @param what the vectors are of: `image` or `text`
  /// @param metadata for formats that have metadata
  void write(Path file, List<Embedding> embeddings, String what, Map<String, String> metadata) {
    int dim = embeddings.getFirst().embedding().length;
    var names = Json.LINE.toJson(embeddings.stream().map(Embedding::name).toList());
    switch (this) {
      case JSON -> WholeFile.write(file, channel -> {
        for (int i = 0; i < embeddings.size(); i++)
          WholeFile.writeFully(channel, ByteBuffer.wrap(jsonLine(embeddings, i, what).getBytes(StandardCharsets.UTF_8)));
      });
      case NPY -> {
        WholeFile.write(names(file), (names + "\n").getBytes(StandardCharsets.UTF_8));
        NpyFile.write(file, embeddings.stream().map(Embedding::embedding)::iterator, embeddings.size(), dim);
      }
      case SAFETENSORS -> {
        var writer = new CheckpointWriter().metadata(what + "s", names);
        metadata.forEach(writer::metadata);
        writer.tensor("embeddings", DType.F32, new long[] {embeddings.size(), dim}, () -> matrix(embeddings, dim)).write(file);
      }
    }
  }

  private static MemorySegment matrix(List<Embedding> embeddings, int dim) {
    var matrix = Arena.ofAuto().allocate(4L * embeddings.size() * dim, 64);
    for (int i = 0; i < embeddings.size(); i++)
      MemorySegment.copy(embeddings.get(i).embedding(), 0, matrix, F32, 4L * i * dim, dim);
    return matrix;
  }
}
