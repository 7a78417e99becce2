import Glibc

/// Checksums of downloads.
public enum Digest {
  public static func sha256(_ bytes: some Sequence<UInt8>) -> String {
    var hash = SHA256()
    hash.update(Array(bytes))
    return hash.finish()
  }

  public static func md5(_ bytes: some Sequence<UInt8>) -> String {
    var hash = MD5()
    hash.update(Array(bytes))
    return hash.finish()
  }

  /// The name that git gives a file of that content.
  public static func gitBlob(_ file: FileBytes) -> String {
    var hash = SHA1()
    hash.update(Array("blob \(file.count)\0".utf8))
    return of(file, hash)
  }

  static func sha256(_ file: FileBytes) -> String { of(file, SHA256()) }
  static func md5(_ file: FileBytes) -> String { of(file, MD5()) }

  /// Piece by piece, so that a mapped file never lies in memory as a whole.
  private static func of(_ file: FileBytes, _ hash: some BlockHash) -> String {
    var hash = hash
    for start in stride(from: 0, to: file.count, by: 1 << 20) {
      hash.update(Array(file.bytes[start..<min(start + 1 << 20, file.count)]))
    }
    return hash.finish()
  }

  static func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}

/// What both hash functions share: blocks of 64 bytes, the length in bits at the end.
protocol BlockHash {
  static var isBigEndian: Bool { get }
  var words: [UInt32] { get set }
  var rest: [UInt8] { get set }
  var count: UInt64 { get set }
  mutating func block(_ p: UnsafePointer<UInt8>)
}

extension BlockHash {
  mutating func update(_ bytes: [UInt8]) {
    count += UInt64(bytes.count)
    var data = rest.isEmpty ? bytes : rest + bytes
    let whole = data.count / 64 * 64
    data.withUnsafeBufferPointer { p in
      for at in stride(from: 0, to: whole, by: 64) { block(p.baseAddress! + at) }
    }
    data.removeFirst(whole)
    rest = data
  }

  mutating func finish() -> String {
    let bits = count &* 8
    var padding: [UInt8] = [0x80]
    while (rest.count + padding.count) % 64 != 56 { padding.append(0) }
    padding.put(Self.isBigEndian ? bits.bigEndian : bits)
    update(padding)
    var out: [UInt8] = []
    for word in words { out.put(Self.isBigEndian ? word.bigEndian : word) }
    return Digest.hex(out)
  }
}

struct SHA256: BlockHash {
  static let isBigEndian = true
  var words: [UInt32] = [
    0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A, 0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19,
  ]
  var rest: [UInt8] = []
  var count: UInt64 = 0

  mutating func block(_ p: UnsafePointer<UInt8>) {
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { w in
      for i in 0..<16 {
        let q = p + 4 * i
        w[i] = UInt32(q[0]) << 24 | UInt32(q[1]) << 16 | UInt32(q[2]) << 8 | UInt32(q[3])
      }
      @inline(__always) func rotate(_ x: UInt32, _ n: UInt32) -> UInt32 { x >> n | x << (32 - n) }
      for i in 16..<64 {
        let s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ (w[i - 15] >> 3)
        let s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ (w[i - 2] >> 10)
        w[i] = w[i - 16] &+ s0 &+ w[i - 7] &+ s1
      }
      var (a, b, c, d) = (words[0], words[1], words[2], words[3])
      var (e, f, g, h) = (words[4], words[5], words[6], words[7])
      for i in 0..<64 {
        let s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
        let t1 = h &+ s1 &+ ((e & f) ^ (~e & g)) &+ Self.constants[i] &+ w[i]
        let s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
        let t2 = s0 &+ ((a & b) ^ (a & c) ^ (b & c))
        (h, g, f, e, d, c, b, a) = (g, f, e, d &+ t1, c, b, a, t1 &+ t2)
      }
      for (i, value) in [a, b, c, d, e, f, g, h].enumerated() { words[i] &+= value }
    }
  }

  /// The first 32 bits of the fractions of the cube roots of the first 64 primes.
  static let constants: [UInt32] = {
    var primes: [Int] = []
    var candidate = 2
    while primes.count < 64 {
      if primes.allSatisfy({ candidate % $0 != 0 }) { primes.append(candidate) }
      candidate += 1
    }
    return primes.map { prime in
      // floor(∛p · 2³²) by integers: the greatest r with r³ ≤ p · 2⁹⁶.
      var root: UInt64 = 0
      for bit in stride(from: 35, through: 0, by: -1) {
        let next = root | 1 << UInt64(bit)
        let square = next.multipliedFullWidth(by: next)
        let low = square.low.multipliedFullWidth(by: next)
        let high = square.high &* next &+ low.high
        if (high, low.low) <= (UInt64(prime) << 32, 0) { root = next }
      }
      return UInt32(truncatingIfNeeded: root)
    }
  }()
}

struct SHA1: BlockHash {
  static let isBigEndian = true
  var words: [UInt32] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0]
  var rest: [UInt8] = []
  var count: UInt64 = 0

  mutating func block(_ p: UnsafePointer<UInt8>) {
    func rotate(_ x: UInt32, _ n: UInt32) -> UInt32 { x << n | x >> (32 - n) }
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 80) { w in
      for i in 0..<16 {
        let q = p + 4 * i
        w[i] = UInt32(q[0]) << 24 | UInt32(q[1]) << 16 | UInt32(q[2]) << 8 | UInt32(q[3])
      }
      for i in 16..<80 { w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1) }
      var (a, b, c, d, e) = (words[0], words[1], words[2], words[3], words[4])
      for i in 0..<80 {
        let (f, k): (UInt32, UInt32) =
          switch i / 20 {
          case 0: ((b & c) | (~b & d), 0x5A82_7999)
          case 1: (b ^ c ^ d, 0x6ED9_EBA1)
          case 2: ((b & c) | (b & d) | (c & d), 0x8F1B_BCDC)
          default: (b ^ c ^ d, 0xCA62_C1D6)
          }
        let next = rotate(a, 5) &+ f &+ e &+ k &+ w[i]
        (e, d, c, b, a) = (d, c, rotate(b, 30), a, next)
      }
      for (i, value) in [a, b, c, d, e].enumerated() { words[i] &+= value }
    }
  }
}

struct MD5: BlockHash {
  static let isBigEndian = false
  var words: [UInt32] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476]
  var rest: [UInt8] = []
  var count: UInt64 = 0

  mutating func block(_ p: UnsafePointer<UInt8>) {
    var (a, b, c, d) = (words[0], words[1], words[2], words[3])
    for i in 0..<64 {
      let (f, g): (UInt32, Int) =
        switch i / 16 {
        case 0: ((b & c) | (~b & d), i)
        case 1: ((d & b) | (~d & c), (5 * i + 1) % 16)
        case 2: (b ^ c ^ d, (3 * i + 5) % 16)
        default: (c ^ (b | ~d), (7 * i) % 16)
        }
      let q = p + 4 * g
      let word = UInt32(q[0]) | UInt32(q[1]) << 8 | UInt32(q[2]) << 16 | UInt32(q[3]) << 24
      let sum = a &+ f &+ Self.constants[i] &+ word
      let shift = Self.shifts[i / 16 * 4 + i % 4]
      (a, d, c, b) = (d, c, b, b &+ (sum << shift | sum >> (32 - shift)))
    }
    words[0] &+= a
    words[1] &+= b
    words[2] &+= c
    words[3] &+= d
  }

  static let shifts: [UInt32] = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21]
  /// floor(2³² · |sin(i + 1)|)
  static let constants: [UInt32] = (0..<64).map { UInt32(4_294_967_296 * abs(sin(Double($0 + 1)))) }
}
