package dev.fovea.converter;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import dev.fovea.converter.hub.Hub;
import dev.fovea.converter.hub.HubSettings;
import dev.fovea.converter.hub.Repository;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.nulls.NullCalls;
import java.lang.reflect.Executable;
import java.lang.reflect.Modifier;
import java.net.URI;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Every public method and constructor of the exported types refuses a null at once with a [NullPointerException] that names the
/// parameter, except where the parameter is `@Nullable`.
class NullsTest {
  private static boolean isExempt(Executable call) {
    return call.getDeclaringClass().isInterface() && !Modifier.isStatic(call.getModifiers());
  }

  @Test
  void nullsAreRefusedByName(@TempDir Path folder) throws Exception {
    var calls = new NullCalls();
    calls.sample(String.class, "s");
    calls.sample(Path.class, folder.resolve("s"));
    calls.sample(URI.class, URI.create("http://localhost:1"));
    calls.sample(JsonObject.class, new JsonObject());
    calls.sample(Conversion.class, Conversion.to(WeightFormat.F32));
    calls.sample(ConversionCache.class, new ConversionCache(folder.resolve("cache")));
    calls.sample(Repository.class, Repository.parse("organisation/name"));
    calls.sample(Hub.class, new Hub(new HubSettings(URI.create("http://localhost:1"), null, folder, true)));
    var answers = calls.ask(Converter.class.getModule(), NullsTest::isExempt);
    assertThat(answers.wrong()).isEmpty();
    assertThat(answers.refused()).isGreaterThan(40);
  }
}
