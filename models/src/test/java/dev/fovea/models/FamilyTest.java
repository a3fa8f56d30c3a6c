package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.models.vit.ViTConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Which families there are, and those of other modules beside them. What they make of a config is in [PresetsTest].
class FamilyTest {
  @TempDir
  private Path folder;

  /// A family with a name of its own, and a preset.
  public static final class Other implements FamilyService {
    @Override
    public Family family() {
      return new Family("other", json -> {
        throw new CheckpointException("no file has it");
      }, Map.of("other-tiny", ViTConfig.PRESETS.get("vit-tiny-patch16-224")));
    }
  }

  /// A family that has the name of another.
  public static final class SameName implements FamilyService {
    @Override
    public Family family() {
      return new Family("bert", json -> {
        throw new CheckpointException("no file has it");
      }, Map.of());
    }
  }

  /// A family that has a preset of another.
  public static final class SamePreset implements FamilyService {
    @Override
    public Family family() {
      return new Family("third", json -> {
        throw new CheckpointException("no file has it");
      }, Map.of("vit-tiny-patch16-224", ViTConfig.PRESETS.get("vit-base-patch16-224")));
    }
  }

  /// The program: prints the families and presets that are none of Fovea's, or what is wrong with them, twice.
  public static void main(String... arguments) {
    for (int i = 0; i < 2; i++) {
      try {
        System.out.println(Family.all().subList(12, Family.all().size()) + " " + Family.presets().contains("other-tiny") + " "
            + Family.of("vit"));
      } catch (IllegalStateException e) {
        System.out.println(e.getMessage());
      }
    }
  }

  private List<String> run(List<Class<? extends FamilyService>> services) throws IOException, InterruptedException {
    return Program.run(folder, services, FamilyTest.class);
  }

  @Test
  void ours() {
    assertThat(Family.all()).extracting(Family::id).containsExactly("vit", "dinov2", "clip", "siglip", "bert", "segformer", "sam", "grounding_dino", "llama",
        "deepseek_vl", "llava", "smolvlm");
    for (var family : Family.all()) assertThat(Family.of(family.id())).isSameAs(family).hasToString(family.id());
    assertThatThrownBy(() -> Family.of("vgg")).isInstanceOf(IllegalArgumentException.class)
        .hasMessage("family 'vgg' is not supported; expected one of vit, dinov2, clip, siglip, bert, segformer, sam, grounding_dino, llama, "
            + "deepseek_vl, llava, smolvlm");
    for (var name : Family.presets()) assertThat(Family.preset(name).family()).as(name).isIn(Family.all());
  }

  @Test
  void thoseOfOtherModules() throws IOException, InterruptedException {
    assertThat(run(List.of(Other.class))).containsExactly("[other] true vit", "[other] true vit");
  }

  /// The mistake is told whenever families are asked for, not the first time alone.
  @Test
  void whatIsThereTwice() throws IOException, InterruptedException {
    String name = "there are two families 'bert'", preset = "there are two presets 'vit-tiny-patch16-224'";
    assertThat(run(List.of(Other.class, SameName.class))).containsExactly(name, name);
    assertThat(run(List.of(SamePreset.class))).containsExactly(preset, preset);
  }
}
