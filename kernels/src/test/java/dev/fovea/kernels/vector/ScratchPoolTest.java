package dev.fovea.kernels.vector;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.util.HashSet;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class ScratchPoolTest {
  private final ScratchPool pool = new ScratchPool();

  private List<float[]> borrowedAtOnce(int count, int n) {
    var loans = Stream.generate(() -> pool.borrowArray(n)).limit(count).toList();
    var arrays = loans.stream().map(ScratchPool.Loan::floats).toList();
    loans.forEach(ScratchPool.Loan::close);
    return arrays;
  }

  @Test
  void reservedArraysAreThereForAllThreadsAtOnce() {
    pool.reserveArrays(3, 10);
    var first = borrowedAtOnce(3, 10);
    assertThat(new HashSet<>(first)).hasSize(3).allMatch(a -> a.length == 10);
    pool.reserveArrays(2, 8);
    assertThat(borrowedAtOnce(3, 8)).as("no further arrays").containsExactlyInAnyOrderElementsOf(first);
    pool.reserveArrays(2, 11);
    assertThat(borrowedAtOnce(5, 1)).extracting(a -> a.length).containsExactlyInAnyOrder(10, 10, 10, 11, 11);
  }

  @Test
  void reservedMemoryIsThereForAllThreadsAtOnce() {
    pool.reserve(2, 100);
    try (var a = pool.borrow(100); var b = pool.borrow(50)) {
      assertThat(List.of(a.segment().byteSize(), b.segment().byteSize())).containsOnly(400L);
      assertThat(a.segment().address()).isNotEqualTo(b.segment().address());
    }
    pool.close();
    assertThatCode(() -> pool.reserve(1, 100)).as("a closed pool keeps nothing").doesNotThrowAnyException();
  }
}
