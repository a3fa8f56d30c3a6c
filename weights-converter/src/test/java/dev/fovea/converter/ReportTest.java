package dev.fovea.converter;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.engine.checkpoint.DType;
import dev.fovea.kernels.WeightFormat;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;

/// What a conversion says that it does.
class ReportTest {
  private static final Path FIXTURES = Path.of("src/test/resources/fixtures");

  private static Report plan(String golden, WeightFormat type) {
    return Converter.plan(FIXTURES.resolve(golden), Conversion.to(type));
  }

  private static Report.Parameter parameter(Report report, String name) {
    return report.mapped().stream().filter(parameter -> parameter.name().equals(name)).findFirst().orElseThrow();
  }

  private static List<String> names(Report report, Predicate<Report.Parameter> what) {
    return report.mapped().stream().filter(what).map(Report.Parameter::name).toList();
  }

  @Test
  void fusedAndCast() {
    var report = plan("vit-tiny", WeightFormat.F16);
    assertThat(report.family()).isEqualTo("vit");
    assertThat(report.parameters()).isEqualTo(67_643);
    assertThat(report.config().get("hidden_size").getAsInt()).isEqualTo(48);
    assertThat(report.configFrom()).endsWith("config.json");
    var layer = "vit.encoder.layer.1.attention.attention.";
    var square = List.of(48L, 48L);
    assertThat(parameter(report, "blocks.1.attn.qkv.weight")).isEqualTo(new Report.Parameter("blocks.1.attn.qkv.weight",
        "F16",
        List.of(144L, 48L), List.of(new Report.Origin(layer + "query.weight", DType.F32, square, 0, 1, List.of(), null),
            new Report.Origin(layer + "key.weight", DType.F32, square, 0, 1, List.of(), null),
            new Report.Origin(layer + "value.weight", DType.F32, square, 0, 1, List.of(), null))));
    assertThat(names(report, Report.Parameter::fused)).hasSize(6).allMatch(name -> name.contains(".attn.qkv."));
    // Matrices alone; a convolution's weight is one.
    assertThat(names(report, Report.Parameter::cast)).hasSize(14).contains("patch_embed.proj.weight", "head.weight")
        .doesNotContain("norm.weight");
    assertThat(names(plan("vit-tiny", WeightFormat.F32), Report.Parameter::cast)).isEmpty();
    // What was published in 16 bits is widened where it is no matrix.
    assertThat(names(plan("vit-tiny.f16", WeightFormat.F16), Report.Parameter::cast)).contains("norm.weight")
        .doesNotContain("head.weight");
    assertThat(names(report, Report.Parameter::folded)).isEmpty();
    assertThat(names(report, Report.Parameter::reordered)).isEmpty();
  }

  @Test
  void foldedAndReordered() {
    var report = plan("segformer-tiny", WeightFormat.F32);
    assertThat(names(report, Report.Parameter::folded)).containsExactly("head.linear_fuse.bias", "head.linear_fuse.weight");
    var bias = parameter(report, "head.linear_fuse.bias").origins().getFirst();
    assertThat(bias.name()).isEqualTo("decode_head.batch_norm.bias");
    assertThat(bias.norm()).isEqualTo("decode_head.batch_norm");
    assertThat(names(report, Report.Parameter::reordered)).isNotEmpty()
        .allMatch(name -> name.matches("stages\\.\\d\\.(patch_embed\\.proj|blocks\\.\\d\\.(mlp\\.dwconv|attn\\.sr))\\.weight"));
    assertThat(parameter(report, "stages.1.patch_embed.proj.weight").origins().getFirst().order()).containsExactly(0, 2, 3, 1);
    assertThat(report.dropped()).isEqualTo(Map.of("decode_head.batch_norm.num_batches_tracked", "counts training's steps"));
  }

  @Test
  void cutAndDropped() {
    var report = plan("dinov2-tiny-swiglu", WeightFormat.F32);
    var half = parameter(report, "blocks.0.mlp.w2.weight").origins().getFirst();
    assertThat(half).returns("encoder.layer.0.mlp.weights_in.weight", Report.Origin::name).returns(1, Report.Origin::part)
        .returns(2, Report.Origin::parts);
    assertThat(report.dropped()).isEqualTo(Map.of("embeddings.mask_token", "used in pre-training only"));
  }
}
