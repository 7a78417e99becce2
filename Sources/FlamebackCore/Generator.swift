import FlamebackKernels
import Synchronization

/// A source of random numbers: PyTorch's CPU generator, bit for bit.
///
/// A reference: copies continue the same stream. SeeAlso: torch.Generator
public final class Generator: Sendable {
  private let engine: MersenneTwister

  /// Starts the stream of `seed`. SeeAlso: torch.Generator.manual_seed
  public init(seed: UInt64 = Generator.defaultSeed) { engine = MersenneTwister(seed: seed) }

  /// Goes on from a saved state.
  public init(state: GeneratorState) { engine = MersenneTwister(state: state) }

  /// PyTorch's seed where none was given.
  public static let defaultSeed: UInt64 = 67_280_421_310_721

  private static let global = Generator()

  /// The one that operations use unless they are given another: the scope's, or the program's.
  /// SeeAlso: torch.default_generator
  public static var `default`: Generator { Context.current.values.generator ?? global }

  /// Starts the stream of `seed` anew. SeeAlso: torch.Generator.manual_seed
  public func manualSeed(_ seed: UInt64) {
    noteInTrace("seeds a generator")
    engine.seed(seed)
  }

  /// The seed of the current stream. SeeAlso: torch.Generator.initial_seed
  public var initialSeed: UInt64 { engine.state.seed }

  /// Everything the stream depends on; assign it to continue from there. SeeAlso: torch.Generator.get_state
  public var state: GeneratorState {
    get { engine.state }
    set {
      noteInTrace("seeds a generator")
      engine.state = newValue
    }
  }

  /// Draws while nobody else does.
  public func draw<R, E: Error>(_ body: (inout GeneratorState) throws(E) -> R) throws(E) -> R {
    noteInTrace("draws random numbers")
    return try engine.draw(body)
  }

  /// A number for seeding, as `torch.empty((), dtype=torch.int64).random_()` draws it.
  public func randomSeed() -> UInt64 { draw { $0.random64() % (1 << 63) } }

  /// 0 ..< count in random order. SeeAlso: torch.randperm
  public func permutation(_ count: Int) -> [Int] { draw { $0.permutation(count) } }

  /// Numbers in 0 ..< bound. SeeAlso: torch.randint
  public func integers(count: Int, below bound: Int) -> [Int] {
    var result = [Int](repeating: 0, count: count)
    result.withUnsafeMutableBytes { bytes in
      if let base = bytes.baseAddress {
        draw { $0.fillIntegers(base, count: count, dtype: .int64, from: 0, range: UInt64(bound)) }
      }
    }
    return result
  }
}

/// Starts the default generator's stream of `seed` anew. SeeAlso: torch.manual_seed
public func manualSeed(_ seed: UInt64) { Generator.default.manualSeed(seed) }

/// Runs `body` with another default generator.
public func withGenerator<R>(_ generator: Generator, _ body: () throws -> R) rethrows -> R {
  try Context.scoped({ $0.generator = generator }, body)
}
