import FlamebackKernels
import Synchronization

/// A source of random numbers: PyTorch's generator of the CPU, bit for bit, or that of CUDA.
///
/// A reference: copies continue the same stream. SeeAlso: torch.Generator
public final class Generator: Sendable {
  /// The algorithm that makes the numbers.
  public enum Algorithm: Sendable {
    /// mt19937, as PyTorch's CPU generator.
    case mersenneTwister
    /// Philox 4×32-10, as PyTorch's CUDA generator on a GPU with so many multiprocessors.
    case philox(multiprocessors: Int = 132)
  }

  private let engine: MersenneTwister
  /// The stream of a generator that uses Philox.
  private let philox: Mutex<PhiloxState?>

  /// Starts the stream of `seed`. SeeAlso: torch.Generator.manual_seed
  public init(seed: UInt64 = Generator.defaultSeed, algorithm: Algorithm = .mersenneTwister) {
    engine = MersenneTwister(seed: seed)
    switch algorithm {
    case .mersenneTwister: philox = Mutex(nil)
    case .philox(let count): philox = Mutex(PhiloxState(seed: seed, multiprocessors: count))
    }
  }

  /// Goes on from a saved state.
  public init(state: GeneratorState) {
    engine = MersenneTwister(state: state)
    philox = Mutex(nil)
  }

  /// Goes on from a saved state of Philox.
  public init(state: PhiloxState) {
    engine = MersenneTwister(seed: state.seed)
    philox = Mutex(state)
  }

  /// The position in a stream of Philox; nil for the other algorithm.
  public var philoxState: PhiloxState? { philox.withLock { $0 } }

  /// Draws from a stream of Philox while nobody else does; nil for the other algorithm.
  package func drawPhilox<R>(_ body: (inout PhiloxState) -> R) -> R? {
    noteInTrace("draws random numbers")
    return philox.withLock { state in state == nil ? nil : body(&state!) }
  }

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
    philox.withLock { state in
      state = state.map { PhiloxState(seed: seed, multiprocessors: $0.blockLimit / 8) }
    }
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

  /// Draws while nobody else does. A generator that uses Philox seeds another one for this from its next number:
  /// distributions for which CUDA's order is not known draw so.
  public func draw<R, E: Error>(_ body: (inout GeneratorState) throws(E) -> R) throws(E) -> R {
    noteInTrace("draws random numbers")
    var seed: UInt64?
    philox.withLock { state in state?.forEachLongWord(1) { seed = $1 } }
    if let seed {
      var state = GeneratorState(seed: seed)
      return try body(&state)
    }
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
