import CKernels
import Synchronization

/// PyTorch's CPU generator as a value: mt19937, the seed, and the second half of a pair of normal numbers.
///
/// The fills beside it (`Random+….swift`) draw in PyTorch's order and precision, so that equal seeds give equal bits.
public struct GeneratorState: Sendable, Equatable {
  static let wordCount = 624

  /// The seed given last. Only its low 32 bits reach mt19937, as in PyTorch. SeeAlso: torch.Generator.initial_seed
  public private(set) var seed: UInt64
  var words: [UInt32]
  /// Words until the next regeneration, and the next word: both, because PyTorch's saved state has both.
  var left = 1
  var next = 0
  /// The other number of a Box-Muller pair; it outlives calls and dtypes and is dropped by seeding.
  public var cachedNormal: Double?

  public init(seed: UInt64) {
    self.seed = seed
    words = Array(repeating: 0, count: Self.wordCount)
    words[0] = UInt32(truncatingIfNeeded: seed)
    for i in 1..<Self.wordCount {
      words[i] = 1_812_433_253 &* (words[i - 1] ^ (words[i - 1] >> 30)) &+ UInt32(i)
    }
  }

  /// The next 32 random bits.
  @inline(__always)
  public mutating func random32() -> UInt32 {
    left -= 1
    if left == 0 { regenerate() }
    let word = words[next]
    next += 1
    return Self.temper(word)
  }

  /// The next 64 random bits, the first 32 drawn as the upper half.
  @inline(__always)
  public mutating func random64() -> UInt64 {
    let high = UInt64(random32())
    return high << 32 | UInt64(random32())
  }

  /// A float32 in [0, 1) of 24 bits.
  @inline(__always)
  mutating func uniformFloat() -> Float { Float(random32() & 0xFF_FFFF) * 0x1p-24 }

  /// A float64 in [0, 1) of 53 bits.
  @inline(__always)
  mutating func uniformDouble() -> Double { Double(random64() & 0x1F_FFFF_FFFF_FFFF) * 0x1p-53 }

  /// The next `count` outputs of `random32`, in whole runs of the state.
  mutating func fill32(_ out: UnsafeMutablePointer<UInt32>, _ count: Int) {
    var done = 0
    while done < count {
      if left == 1 {
        regenerate()
        left += 1  // nothing is drawn yet
      }
      let run = min(count - done, left - 1)
      words.withUnsafeBufferPointer { words in
        fb_random_temper(words.baseAddress! + next, Int64(run), out + done)
      }
      left -= run
      next += run
      done += run
    }
  }

  private mutating func regenerate() {
    words.withUnsafeMutableBufferPointer { fb_random_regenerate($0.baseAddress!) }
    left = Self.wordCount
    next = 0
  }

  @inline(__always)
  private static func temper(_ word: UInt32) -> UInt32 {
    var y = word
    y ^= y >> 11
    y ^= (y << 7) & 0x9D2C_5680
    y ^= (y << 15) & 0xEFC6_0000
    return y ^ (y >> 18)
  }
}

// MARK: - Saved states

extension GeneratorState {
  /// Bytes of a saved state.
  public static let byteCount = 5056

  /// The bytes of PyTorch's `get_rng_state()`. SeeAlso: torch.Generator.get_state
  public var bytes: [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(Self.byteCount)
    func put(_ value: some FixedWidthInteger) { withUnsafeBytes(of: value.littleEndian) { result += $0 } }
    put(seed)
    put(Int32(left))
    put(Int32(1))  // seeded
    put(UInt64(next))
    for word in words { put(UInt64(word)) }
    put(UInt64(0))  // normal_x, unused
    put((cachedNormal ?? 0).bitPattern)
    put(UInt64(0))  // normal_rho, unused
    put(UInt64(cachedNormal == nil ? 0 : 1))
    put(UInt64(0))  // a cached float32 normal, unused
    return result
  }

  /// The state that `bytes` of ours or PyTorch's hold; nil if they hold none. SeeAlso: torch.Generator.set_state
  public init?(bytes: [UInt8]) {
    guard bytes.count == Self.byteCount else { return nil }
    func word(_ at: Int) -> UInt64 {
      bytes.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: at, as: UInt64.self)) }
    }
    seed = word(0)
    let flags = word(8)
    left = Int(Int32(truncatingIfNeeded: flags))
    guard flags >> 32 == 1, (1...Self.wordCount).contains(left), word(16) <= UInt64(Self.wordCount) else { return nil }
    next = Int(word(16))
    // Unless the words are used up, the two counters must agree, or a draw would leave the state.
    guard left == 1 || next + left <= Self.wordCount + 1 else { return nil }
    words = (0..<Self.wordCount).map { UInt32(truncatingIfNeeded: word(24 + 8 * $0)) }
    let normal = 24 + 8 * Self.wordCount
    cachedNormal = word(normal + 24) & 0xFFFF_FFFF == 0 ? nil : Double(bitPattern: word(normal + 8))
  }
}

/// A generator that several owners share; every fill takes its lock once. SeeAlso: torch.Generator
public final class MersenneTwister: Sendable {
  private let storage: Mutex<GeneratorState>

  public init(seed: UInt64) { storage = Mutex(GeneratorState(seed: seed)) }

  public init(state: GeneratorState) { storage = Mutex(state) }

  /// The whole state, a copy.
  public var state: GeneratorState {
    get { storage.withLock { $0 } }
    set { storage.withLock { $0 = newValue } }
  }

  /// Starts the stream of `seed` anew. SeeAlso: torch.Generator.manual_seed
  public func seed(_ seed: UInt64) { state = GeneratorState(seed: seed) }

  /// Draws under the lock: `generator.draw { $0.fillUniform(…) }`.
  public func draw<R, E: Error>(_ body: (inout GeneratorState) throws(E) -> R) throws(E) -> R {
    var result: Result<R, E>?
    storage.withLock { state in
      do throws(E) { result = .success(try body(&state)) } catch { result = .failure(error) }
    }
    return try result!.get()
  }
}

/// Why numbers cannot be drawn: a parameter outside its range.
public struct RandomError: Error, Equatable, CustomStringConvertible {
  public let description: String
  init(_ description: String) { self.description = description }
}
