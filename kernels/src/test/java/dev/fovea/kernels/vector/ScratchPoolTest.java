package dev.fovea.kernels.vector;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class ScratchPoolTest {
  private final ScratchPool pool = new ScratchPool(2);

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

  /// As after 200 callers at once, each of whose operations ran on one thread.
  @Test
  void aBurstLeavesWhatTheThreadsNeed() {
    var open = new HashSet<Arena>();
    int threads = 2 * Runtime.getRuntime().availableProcessors(), most = 8 * threads;
    try (var bounded = new ScratchPool(threads, () -> counted(open), float[]::new)) {
      var loans = IntStream.range(0, 200 * threads).mapToObj(i -> bounded.borrow(i + 1)).toList();
      assertThat(open).hasSize(200 * threads);
      loans.forEach(ScratchPool.Scratch::close);
      assertThat(open).hasSize(most);
      var again = IntStream.range(0, most).mapToObj(_ -> bounded.borrow(1)).toList();
      assertThat(again).filteredOn(scratch -> scratch.segment().byteSize() > 4L * (200 * threads - most))
          .as("the largest, and the last ones that this thread returned").hasSizeGreaterThanOrEqualTo(most - 3);
      again.forEach(ScratchPool.Scratch::close);
      bounded.reserve(3 * most, 1);
      IntStream.range(0, 3 * most).mapToObj(_ -> bounded.borrow(1)).toList().forEach(ScratchPool.Scratch::close);
      assertThat(open).as("what is reserved stays").hasSize(3 * most);
    }
    assertThat(open).isEmpty();
  }

  private static Arena counted(Set<Arena> open) {
    var real = Arena.ofShared();
    var counted = new Arena() {
      @Override
      public MemorySegment allocate(long bytes, long alignment) {
        return real.allocate(bytes, alignment);
      }

      @Override
      public MemorySegment.Scope scope() {
        return real.scope();
      }

      @Override
      public void close() {
        open.remove(this);
        real.close();
      }
    };
    open.add(counted);
    return counted;
  }

  @Test
  void aBurstLeavesFewArrays() {
    int most = 8 * Math.max(2, Runtime.getRuntime().availableProcessors());
    var all = new HashSet<>(borrowedAtOnce(20 * most, 1000));
    var again = borrowedAtOnce(20 * most, 1000);
    assertThat(again).filteredOn(all::contains).as("those that were kept").hasSize(most);
    pool.reserveArrays(2 * most, 1000);
    all = new HashSet<>(borrowedAtOnce(2 * most, 1000));
    assertThat(borrowedAtOnce(2 * most, 1000)).as("what is reserved stays").containsExactlyInAnyOrderElementsOf(all);
  }

  /// Threads come and go with pieces of all sizes while the pool closes: nothing is lost, and nothing borrowed twice.
  @Test
  void manyThreadsAtOnce() throws Exception {
    var open = ConcurrentHashMap.<Arena>newKeySet();
    for (int round = 0; round < 20; round++) {
      var shared = new ScratchPool(4, () -> counted(open), float[]::new);
      var borrowed = ConcurrentHashMap.<float[]>newKeySet();
      try (var threads = Executors.newFixedThreadPool(8)) {
        var all = IntStream.range(0, 8).mapToObj(thread -> threads.submit(() -> {
          for (int i = 0; i < 2000; i++)
            try (var scratch = shared.borrow(1 + 37 * thread * i % 5000); var loan = shared.borrowArray(1 + 91 * i % 70_000)) {
              assertThat(borrowed.add(loan.floats())).as("borrowed by one thread").isTrue();
              Simd.put(scratch.segment(), 0, i);
              assertThat(borrowed.remove(loan.floats())).isTrue();
            } catch (IllegalStateException e) {
              assertThat(e).hasMessage("the kernels are closed");
              return;
            }
        })).toList();
        Thread.sleep(5);
        if (round % 2 == 0) shared.close();
        for (var thread : all) thread.get();
      }
      shared.close();
      assertThat(open).isEmpty();
    }
  }

  @Test
  void aBurstLeavesFewColumns() {
    var columns = new ColumnPool();
    var all = columns.borrow(3 * ColumnPool.MOST);
    columns.giveBack(all);
    var kept = new HashSet<>(List.of(all));
    assertThat(List.of(columns.borrow(3 * ColumnPool.MOST))).filteredOn(kept::contains).hasSize(ColumnPool.MOST);
  }
}
