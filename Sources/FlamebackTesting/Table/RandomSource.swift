import Flameback
import FlamebackCore

/// Generators of recorded random numbers.
enum RandomSource {
  /// Seeds the default generator.
  static func manualSeed(_ seed: Int) throws { throw UnknownOperation("manual_seed") }

  /// A generator of its own, as entries find it under `generator`.
  static func generator(seed: Int) throws -> Any { throw UnknownOperation("Generator") }

  /// The batches (or parts) of indices that a recorded sampling gives in each epoch.
  static func sampling(_ call: Call, generator: Any?) throws -> Value { throw UnknownOperation("sampling") }
}
