package dev.fovea.engine.nn;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.fovea.engine.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Test;

class ProbeTest {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  /// What a pass asks of a probe.
  private static void ask(Probe probe, Tensor x) {
    var tokens = probe.tokens(Tokens.Kind.CLASS, 1).and(probe.grid(3, 4));
    probe.at("encoder.").see("hidden_states", 1, x);
    var site = probe.attention(1, tokens, tokens);
    var within = site.within(3, 4, 2, 1);
    within.see(x, x, x);
    within.keep(x, 1, 2, 3, 4);
  }

  private static long allocated(int times, Probe probe, Tensor x) {
    long before = THREADS.getCurrentThreadAllocatedBytes();
    for (int i = 0; i < times; i++) ask(probe, x);
    return THREADS.getCurrentThreadAllocatedBytes() - before;
  }

  @Test
  void noneAllocatesNotOneByte() {
    try (var arena = Arena.ofConfined()) {
      var x = Tensor.of(arena, new float[] {1}, 1);
      // The virtual machine may allocate something of its own meanwhile; a byte of a call's would be there in all rounds.
      long least = Long.MAX_VALUE;
      for (int i = 0; i < 20; i++) least = Math.min(least, allocated(10_000, Probe.NONE, x));
      assertThat(least).isZero();
      assertThat(allocated(10, Probe.of(name -> name.startsWith("encoder.")), x)).isPositive();
    }
  }

  @Test
  void noneKnowsNoTokens() {
    assertThat(Probe.NONE.grid(3, 4).and(Probe.NONE.tokens(Tokens.Kind.TEXT, 2))).isSameAs(Tokens.NONE);
    assertThat(Probe.all().grid(3, 4)).isEqualTo(Tokens.grid(3, 4));
    assertThat(Tokens.NONE.and(Tokens.grid(1, 2)).count()).isEqualTo(2);
    assertThat(Tokens.grid(1, 2).and(Tokens.NONE).count()).isEqualTo(2);
  }
}
