package dev.fovea.converter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.image.Preprocessing.Resize;
import dev.fovea.engine.image.Resample;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.models.Family;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What the reference takes for what a published folder does not say.
class PublishedDefaultsTest {
  private static final String PREPROCESSOR = "preprocessor_config.json", CONFIG = "config.json";
  private static final float[] HALF = {0.5f, 0.5f, 0.5f}, IMAGE_NET_MEAN = {0.485f, 0.456f, 0.406f},
      IMAGE_NET_STD = {0.229f, 0.224f, 0.225f},
      CLIP_MEAN = {0.48145466f, 0.4578275f, 0.40821073f}, CLIP_STD = {0.26862954f, 0.26130258f, 0.27577711f};

  @TempDir
  private Path place;

  private static Report plan(PublishedFolder folder) {
    return Converter.plan(folder.path(), Conversion.to(WeightFormat.F32));
  }

  private static Preprocessing preprocessing(String json, Family family) {
    return Preprocessing.of(ImageProcessor.complete(JsonFields.parse("p", json.replace('\'', '"')), family).config());
  }

  private static void require(Preprocessing got, Resize resize, Resample resample, int crop, float[] mean, float[] std, int pad) {
    assertThat(got.resize()).isEqualTo(resize);
    assertThat(got.resample()).isEqualTo(resample);
    assertThat(got.crop()).isEqualTo(crop == 0 ? null : new int[] {crop, crop});
    assertThat(got.rescale()).isEqualTo(1 / 255f);
    assertThat(got.mean()).isEqualTo(mean);
    assertThat(got.std()).isEqualTo(std);
    assertThat(got.pad()).isEqualTo(pad == 0 ? null : new int[] {pad, pad});
  }

  /// Each class under its three names, with nothing but the name in the file.
  @Test
  void eachClassHasItsOwn() {
    for (var form : List.of("{'image_processor_type': '%sImageProcessor'}", "{'image_processor_type': '%sImageProcessorFast'}",
        "{'feature_extractor_type': '%sFeatureExtractor'}")) {
      require(preprocessing(form.formatted("ViT"), Family.CLIP), new Resize(224, 224, 0), Resample.BILINEAR, 0, HALF, HALF, 0);
      require(preprocessing(form.formatted("DeiT"), Family.VIT), new Resize(256, 256, 0), Resample.BICUBIC, 224, HALF, HALF, 0);
      require(preprocessing(form.formatted("Beit"), Family.VIT), new Resize(256, 256, 0), Resample.BICUBIC, 224, HALF, HALF, 0);
      require(preprocessing(form.formatted("Bit"), Family.DINOV2), new Resize(0, 0, 224), Resample.BICUBIC, 224, CLIP_MEAN,
          CLIP_STD, 0);
      require(preprocessing(form.formatted("CLIP"), Family.VIT), new Resize(0, 0, 224), Resample.BICUBIC, 224, CLIP_MEAN,
          CLIP_STD, 0);
      require(preprocessing(form.formatted("Siglip"), Family.VIT), new Resize(224, 224, 0), Resample.BICUBIC, 0, HALF, HALF, 0);
      require(preprocessing(form.formatted("Segformer"), Family.VIT), new Resize(512, 512, 0), Resample.BILINEAR, 0,
          IMAGE_NET_MEAN, IMAGE_NET_STD, 0);
      require(preprocessing(form.formatted("Sam"), Family.VIT), new Resize(0, 0, 0, 1024), Resample.BILINEAR, 0, IMAGE_NET_MEAN,
          IMAGE_NET_STD, 1024);
    }
  }

  /// A `processor_class` is no class of pictures: the family's is taken.
  @ParameterizedTest
  @CsvSource({"vit,ViT", "dinov2,Bit", "clip,CLIP", "siglip,Siglip", "segformer,Segformer", "sam,Sam"})
  void withoutAClassTheFamilys(Family family, String name) {
    for (var file : List.of("{}", "{'processor_class': 'SomeProcessor'}")) {
      var told = ImageProcessor.complete(JsonFields.parse("p", file.replace('\'', '"')), family);
      assertThat(told.config().string("image_processor_type")).isEqualTo(name + "ImageProcessor");
      assertThat(told.assumed()).contains("preprocessor_config.json: image_processor_type: " + name
          + "ImageProcessor, that of the family " + family.id());
    }
  }

  @Test
  void olderFormsOfSizes() {
    var old = "{'feature_extractor_type': '%sFeatureExtractor', 'size': 96, 'crop_size': 80, 'do_center_crop': true}";
    assertThat(preprocessing(old.formatted("ViT"), Family.VIT).resize()).isEqualTo(new Resize(96, 96, 0));
    assertThat(preprocessing(old.formatted("Segformer"), Family.VIT).resize()).isEqualTo(new Resize(96, 96, 0));
    assertThat(preprocessing(old.formatted("CLIP"), Family.VIT).resize()).isEqualTo(new Resize(0, 0, 96));
    assertThat(preprocessing(old.formatted("Bit"), Family.VIT).resize()).isEqualTo(new Resize(0, 0, 96));
    assertThat(preprocessing(old.formatted("Sam"), Family.VIT).resize()).isEqualTo(new Resize(0, 0, 0, 96));
    assertThat(preprocessing(old.formatted("CLIP"), Family.VIT).crop()).containsExactly(80, 80);
    // Without a class, by the family.
    assertThat(preprocessing("{'size': 96}", Family.CLIP).resize()).isEqualTo(new Resize(0, 0, 96));
    assertThat(preprocessing("{'size': 96}", Family.VIT).resize()).isEqualTo(new Resize(96, 96, 0));
    assertThat(preprocessing("{'size': [96, 64]}", Family.CLIP).resize()).isEqualTo(new Resize(96, 64, 0));
    assertThat(preprocessing("{'size': {'shortest_edge': 96}}", Family.CLIP).resize()).isEqualTo(new Resize(0, 0, 96));
    assertThat(preprocessing("{'image_mean': 0.25, 'image_std': 0.5}", Family.CLIP).mean()).containsExactly(0.25f, 0.25f, 0.25f);
  }

  /// Padding belongs to batches of several sizes, which there are none of.
  @Test
  void groundingDinosSizes() {
    var type = "{'image_processor_type': 'GroundingDinoImageProcessor'";
    var assumed = ImageProcessor.complete(JsonFields.parse("p", (type + "}").replace('\'', '"')), Family.VIT).assumed();
    assertThat(assumed).contains("preprocessor_config.json: size: {\"shortest_edge\":800,\"longest_edge\":1333}, the default of "
        + "GroundingDinoImageProcessor").noneMatch(line -> line.contains("pad"));
    require(preprocessing(type + "}", Family.VIT), new Resize(0, 0, 800, 1333), Resample.BILINEAR, 0, IMAGE_NET_MEAN, IMAGE_NET_STD,
        0);
    for (var padding : List.of("'do_pad': true", "'do_pad': true, 'pad_size': null", "'pad_and_return_pixel_mask': true"))
      require(preprocessing(type + ", 'format': 'coco_detection', 'do_convert_annotations': true, " + padding + "}", Family.VIT),
          new Resize(0, 0, 800, 1333), Resample.BILINEAR, 0, IMAGE_NET_MEAN, IMAGE_NET_STD, 0);
    assertThat(preprocessing(type + ", 'size': 128}", Family.VIT).resize()).isEqualTo(new Resize(0, 0, 128, 1333));
    assertThat(preprocessing(type + ", 'size': {'shortest_edge': 128, 'longest_edge': 213}}", Family.VIT).resize())
        .isEqualTo(new Resize(0, 0, 128, 213));
    assertThatThrownBy(() -> preprocessing(type + ", 'pad_size': {'height': 9, 'width': 9}}", Family.VIT))
        .isInstanceOf(CheckpointException.class)
        .hasMessage("p: pad_size: expected none, as pictures of one size are not padded, got {\"height\":9,\"width\":9}");
  }

  /// What is said counts, and what has no effect is not made up.
  @Test
  void whatIsSaidCounts() {
    var said = ImageProcessor.complete(JsonFields.parse("p", """
        {"image_processor_type": "CLIPImageProcessor", "do_resize": false, "do_center_crop": false, "do_normalize": false,
         "do_rescale": false}"""), Family.CLIP);
    assertThat(said.assumed()).isEmpty();
    assertThat(said.config().json().keySet()).hasSize(5);
    assertThatThrownBy(() -> preprocessing("{'image_processor_type': 'ConvNextImageProcessor'}", Family.VIT))
        .isInstanceOf(CheckpointException.class)
        .hasMessage("p: 'ConvNextImageProcessor' is not supported; expected one of ViTImageProcessor, DeiTImageProcessor, "
            + "BeitImageProcessor, "
            + "BitImageProcessor, CLIPImageProcessor, SiglipImageProcessor, SegformerImageProcessor, SamImageProcessor, "
            + "DeepseekVLImageProcessor, SmolVLMImageProcessor, Idefics3ImageProcessor, GroundingDinoImageProcessor");
  }

  @Test
  void aFolderSaysWhatWasAssumed() {
    var folder = PublishedFolder.of("clip-tiny", place);
    assertThat(plan(folder).assumed()).isEmpty();
    folder.without(PREPROCESSOR, "resample", "do_center_crop");
    var lines = List.of("preprocessor_config.json: resample: 3, the default of CLIPImageProcessor",
        "preprocessor_config.json: do_center_crop: true, the default of CLIPImageProcessor");
    assertThat(plan(folder).assumed()).isEqualTo(lines);
    var file = place.resolve("clip.safetensors");
    assertThat(Converter.convert(folder.path(), file, WeightFormat.F32).assumed()).isEqualTo(lines);
    try (var converted = Checkpoint.open(file)) {
      assertThat(JsonFields.strings("a", converted.metadata().get(Converter.ASSUMED))).isEqualTo(lines);
      require(Preprocessing.of(ModelHeader.of(converted).preprocessing()), new Resize(0, 0, 32), Resample.BICUBIC, 32, CLIP_MEAN,
          CLIP_STD, 0);
    }
  }

  @Test
  void aFolderWithoutPreprocessing() {
    var folder = PublishedFolder.of("vit-tiny", place).delete(PREPROCESSOR);
    assertThat(plan(folder).assumed()).singleElement().asString()
        .startsWith("there is no preprocessor_config.json: pictures are prepared as is usual for this model: "
            + "{\"size\":{\"height\":32,");
    folder.put("processor_config.json",
        "{'processor_class': 'X', 'image_processor': {'image_processor_type': 'ViTImageProcessor', 'size': 40, "
        + "'resample': 3, 'do_resize': true, 'do_rescale': true, 'rescale_factor': 0.5, 'do_normalize': false}}");
    var file = place.resolve("vit.safetensors");
    assertThat(Converter.convert(folder.path(), file, WeightFormat.F32).assumed()).isEmpty();
    try (var converted = Checkpoint.open(file)) {
      assertThat(Preprocessing.of(ModelHeader.of(converted).preprocessing())).returns(new Resize(40, 40, 0), Preprocessing::resize)
          .returns(Resample.BICUBIC, Preprocessing::resample).returns(0.5f, Preprocessing::rescale);
    }
    // timm's config tells it itself, and a BERT sees no pictures.
    assertThat(plan(PublishedFolder.of("vit-tiny.timm", place)).assumed()).isEmpty();
    assertThat(plan(PublishedFolder.of("bert-tiny-classifier", place)).assumed()).isEmpty();
  }

  /// A SegFormer is made for the size that its class resizes to.
  @Test
  void segformersSize() {
    var folder = PublishedFolder.of("segformer-tiny", place).without(PREPROCESSOR, "size");
    assertThat(plan(folder).config().get("image_size")).hasToString("[512,512]");
    assertThat(plan(folder).assumed())
        .containsExactly("preprocessor_config.json: size: {\"height\":512,\"width\":512}, the default of SegformerImageProcessor");
  }

  @ParameterizedTest
  @CsvSource({"vit-tiny,hidden_act,gelu,ViTConfig", "vit-tiny,layer_norm_eps,1.0E-12,ViTConfig",
      "dinov2-tiny,hidden_act,gelu,Dinov2Config",
      "segformer-tiny,hidden_act,gelu,SegformerConfig", "bert-tiny-classifier,hidden_act,gelu,BertConfig",
      "clip-tiny,text_config.hidden_act,quick_gelu,CLIPTextConfig",
          "clip-tiny,vision_config.layer_norm_eps,1.0E-5,CLIPVisionConfig",
      "siglip-tiny,vision_config.hidden_act,gelu_pytorch_tanh,SiglipVisionConfig",
          "sam-tiny,mask_decoder_config.hidden_act,relu,SamMaskDecoderConfig",
      "siglip-tiny,text_config.layer_norm_eps,1.0E-6,SiglipTextConfig",
          "dinov2-tiny-registers,num_register_tokens,4,Dinov2WithRegistersConfig",
      "llama-tiny,mlp_bias,false,LlamaConfig", "llama-tiny,tie_word_embeddings,false,LlamaConfig",
          "qwen2-tiny,rms_norm_eps,1.0E-6,Qwen2Config"})
  void fieldsOfTheConfig(String golden, String field, String value, String name) {
    var folder = PublishedFolder.of(golden, place);
    var before = plan(folder).config();
    var report = plan(folder.without(CONFIG, field));
    var holder = field.contains(".") ? report.config().getAsJsonObject(field.substring(0, field.indexOf('.'))) : report.config();
    var got = holder.getAsJsonPrimitive(field.substring(field.indexOf('.') + 1));
    if (got.isBoolean()) assertThat(got.getAsBoolean()).isEqualTo(Boolean.parseBoolean(value));
    else if (got.isNumber()) assertThat(got.getAsFloat()).isEqualTo(Float.parseFloat(value));
    else assertThat(got.getAsString()).isEqualTo(value);
    assertThat(report.assumed()).filteredOn(line -> line.startsWith("config.json: ")).singleElement().asString()
        .startsWith("config.json: " + field + ": ").endsWith(", the default of " + name);
    assertThat(report.config()).as("the golden models have the defaults").isEqualTo(before);
  }

  /// A whole object that is missing is that of the class, whose sizes are others than this model's.
  @Test
  void anObjectOfTheConfig() {
    var folder = PublishedFolder.of("sam-tiny", place).without(CONFIG, "prompt_encoder_config");
    assertThat(Converter.inspect(folder.path(), Conversion.to(WeightFormat.F32)).problem())
        .endsWith("hidden_size of prompts and masks: expected output_channels, 32");
  }
}
