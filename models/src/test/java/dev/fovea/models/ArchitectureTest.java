package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.module.ModuleDescriptor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// Who may depend on whom, what is exported, and what may not appear where.
class ArchitectureTest {
  private static final Path ROOT = Path.of("").toAbsolutePath().getParent();

  private static ModuleDescriptor descriptor(String module) {
    return ModuleLayer.boot().findModule(module).orElseThrow().getDescriptor();
  }

  private static Set<String> own(String module) {
    return descriptor(module).requires().stream().map(ModuleDescriptor.Requires::name).filter(n -> n.startsWith("dev.fovea")).collect(Collectors.toSet());
  }

  @Test
  void modulesDependInOneDirection() {
    assertThat(own("dev.fovea.kernels")).isEmpty();
    assertThat(own("dev.fovea.engine")).containsExactly("dev.fovea.kernels");
    assertThat(own("dev.fovea.models")).containsExactly("dev.fovea.engine");
  }

  @Test
  void onlyKernelsReadTheVectorApi() {
    for (var module : new String[] {"dev.fovea.engine", "dev.fovea.models"})
      assertThat(descriptor(module).requires()).noneMatch(r -> r.name().equals("jdk.incubator.vector"));
  }

  @Test
  void exports() {
    assertThat(exported("dev.fovea.kernels")).containsExactly("dev.fovea.kernels");
    assertThat(exported("dev.fovea.engine")).containsExactlyInAnyOrder("dev.fovea.engine.checkpoint", "dev.fovea.engine.feature", "dev.fovea.engine.image",
        "dev.fovea.engine.image.mask",
        "dev.fovea.engine.nn", "dev.fovea.engine.tensor", "dev.fovea.engine.text");
    assertThat(exported("dev.fovea.models")).containsExactlyInAnyOrder("dev.fovea.models", "dev.fovea.models.bert",
        "dev.fovea.models.chat", "dev.fovea.models.clip", "dev.fovea.models.dinov2", "dev.fovea.models.explain", "dev.fovea.models.grounding", "dev.fovea.models.llama", "dev.fovea.models.sam", "dev.fovea.models.segformer",
        "dev.fovea.models.siglip", "dev.fovea.models.swin", "dev.fovea.models.vit", "dev.fovea.models.vlm");
  }

  private static Set<String> exported(String module) {
    return descriptor(module).exports().stream().map(ModuleDescriptor.Exports::source).collect(Collectors.toSet());
  }

  @Test
  void vectorsStayInOnePackage() throws IOException {
    assertNothingSays("jdk.incubator.vector", Set.of("dev/fovea/kernels/vector/", "module-info.java", "KernelProvider.java"));
    assertNothingSays("sun.misc.Unsafe", Set.of());
  }

  /// So that whoever asks for no model from a hub asks nobody for anything.
  @Test
  void networkStaysInOnePackage() throws IOException {
    assertNothingSays("java.net", Set.of("dev/fovea/converter/hub/", "module-info.java"));
    assertNothingSays("converter.hub", Set.of("dev/fovea/converter/hub/", "module-info.java", "PullCommand.java"));
  }

  /// So that whoever uses no framework gets none.
  @Test
  void frameworksStayInModulesOfTheirOwn() throws IOException {
    assertNothingSays("langchain4j", Set.of());
  }

  /// A model is written with tensors: no segment, no operation beside a pass, no file channel, no vector.
  @Test
  void modelPackagesHoldModels() throws IOException {
    for (var word : new String[] {"MemorySegment", ".segment()", "kernels().run", "kernels.Operation", "FileChannel",
        "java.nio.ByteBuffer"})
      for (var file : sources("models/src/main")) assertThat(Files.readString(file)).as(file + ": " + word).doesNotContain(word);
  }

  /// The engine knows layers, pictures and files, and no family. Tokenizers are named after their vocabularies, and a WebP sample is
  /// clipped.
  @Test
  void theEngineHasNoFamilies() throws IOException {
    var family = Pattern.compile("\\w (" + Family.all().stream().map(Family::id).collect(Collectors.joining("|")) + ")\\(");
    for (var file : sources("engine/src/main"))
      if (Stream.of("engine/text/", "engine/image/webp/").noneMatch(file.toString().replace('\\', '/')::contains))
        assertThat(family.matcher(Files.readString(file)).results().map(MatchResult::group)).as(file.toString()).isEmpty();
  }

  @Test
  void linesAreShort() throws IOException {
    for (var module : new String[] {"kernels", "engine", "models", "langchain4j", "weights-converter", "cli", "benchmarks"})
      for (var file : sources(module + "/src/main"))
        assertThat(Files.readAllLines(file)).as(file.toString()).allMatch(line -> line.length() <= 132);
  }

  private static void assertNothingSays(String word, Set<String> except) throws IOException {
    for (var module : Map.of("kernels", 1, "engine", 1, "models", 1, "weights-converter", 1, "cli", 1).keySet())
      for (var file : sources(module + "/src/main"))
        if (except.stream().noneMatch(file.toString().replace('\\', '/')::contains))
          assertThat(Files.readString(file)).as(file + ": " + word).doesNotContain(word);
  }

  private static Set<Path> sources(String folder) throws IOException {
    try (var files = Files.walk(ROOT.resolve(folder))) {
      var sources = files.filter(f -> f.toString().endsWith(".java")).collect(Collectors.toSet());
      assertThat(sources).as(folder).isNotEmpty();
      return sources;
    }
  }
}
