package dev.fovea.kernels.reference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The normal distribution against values of mpmath 1.3 (`ncdf`, 30 digits).
class ErfTest {
  @ParameterizedTest
  @CsvSource({"-37.5, 4.6053530095819548438e-308", "-20, 2.7536241186062336951e-89", "-14.25, 2.2414062326936399914e-46",
      "-10, 7.619853024160526066e-24", "-5, 2.8665157187919391167e-7", "-2.125, 0.01679330644844881259",
      "-1, 0.15865525393145705141", "-0.5, 0.30853753872598689636", "0, 0.5", "0.25, 0.59870632568292372424",
      "1, 0.84134474606854294859", "3, 0.99865010196836990547", "6, 0.99999999901341235496"})
  void normal(double x, double expected) {
    assertThat(Erf.normal(x)).isCloseTo(expected, withinPercentage(1e-12));
  }
}
