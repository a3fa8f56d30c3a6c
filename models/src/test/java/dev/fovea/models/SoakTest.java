package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A busy server for a minute, or as many as the property `fovea.soak.minutes` says. See [Soak].
class SoakTest {
  @TempDir
  private Path folder;

  /// The heap has one size from the start, so that resident memory shows what is outside of it, and the allocator gives freed memory
  /// back to the system. Sixteen threads carry the virtual ones, which otherwise are starved by the platform threads.
  @Test
  void aBusyServer() throws IOException, InterruptedException {
    int minutes = Integer.getInteger("fovea.soak.minutes", 1);
    var options = List.of("-Xms1g", "-Xmx1g", "-XX:+AlwaysPreTouch", "-XX:TrimNativeHeapInterval=1000",
        "-XX:NativeMemoryTracking=summary", "-Djdk.virtualThreadScheduler.parallelism=16");
    var lines = Program.run(folder, List.of(), options, Duration.ofMinutes(minutes + 3), Soak.class, folder.toString(),
        Integer.toString(60 * minutes));
    lines.forEach(System.out::println);
    assertThat(lines).filteredOn(line -> line.startsWith("at rest: ")).hasSizeGreaterThan(1);
  }
}
