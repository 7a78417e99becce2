import FlamebackKernels
import Testing

/// Every line of `goldenDraws` draws from one generator and compares the bytes' FNV-1a hash with that of PyTorch 2.15
/// on a CPU with AVX2: the same numbers in the same order, whatever was drawn before.
@Suite struct RandomTests {
  @Test func drawsAreThoseOfPyTorch() throws {
    var generator = GeneratorState(seed: 0)
    var checked = 0
    for line in goldenDraws.split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      if words[0] == "seed" {
        generator = GeneratorState(seed: UInt64(words[1])!)
        continue
      }
      let bytes = try draw(words.dropLast(2), &generator)
      let hash = bytes.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
      #expect(String(hash, radix: 16) == words.last!.drop { $0 == "0" }, "\(line)")
      checked += 1
    }
    #expect(checked > 300)
  }

  /// Runs a line such as `normal 17 float32 0 1`: operation, count, dtype, parameters.
  private func draw(_ words: ArraySlice<String>, _ g: inout GeneratorState) throws -> [UInt8] {
    let count = Int(words[1])!
    let dtype = DType(name: words[2])!
    let numbers = words.dropFirst(3).compactMap(Double.init)
    func bytes(_ size: Int, _ fill: (UnsafeMutableRawPointer) throws -> Void) rethrows -> [UInt8] {
      let p = UnsafeMutableRawPointer.allocate(byteCount: max(size, 1), alignment: 64)
      defer { p.deallocate() }
      try fill(p)
      return Array(UnsafeRawBufferPointer(start: p, count: size))
    }
    let size = count * dtype.byteSize
    switch words[0] {
    case "uniform":
      return bytes(size) { g.fillUniform($0, count: count, dtype: dtype, from: numbers[0], to: numbers[1]) }
    case "normal":
      return bytes(size) {
        g.fillNormal($0, count: count, dtype: dtype, mean: numbers[0], std: numbers[1], serial: words.last == "s")
      }
    case "exponential": return bytes(size) { g.fillExponential($0, count: count, dtype: dtype, rate: numbers[0]) }
    case "cauchy":
      return bytes(size) { g.fillCauchy($0, count: count, dtype: dtype, median: numbers[0], sigma: numbers[1]) }
    case "log_normal":
      return bytes(size) { g.fillLogNormal($0, count: count, dtype: dtype, mean: numbers[0], std: numbers[1]) }
    case "geometric": return bytes(size) { g.fillGeometric($0, count: count, dtype: dtype, p: numbers[0]) }
    case "bernoulli": return bytes(size) { g.fillBernoulli($0, count: count, dtype: dtype, p: numbers[0]) }
    case "random": return bytes(size) { g.fillRandom($0, count: count, dtype: dtype) }
    case "range":
      let to = words.count > 4 ? Int64(words[4])! : nil
      let range = try GeneratorState.randomRange(from: Int64(words[3])!, to: to, dtype: dtype)
      return bytes(size) { g.fillIntegers($0, count: count, dtype: dtype, from: range.from, range: range.range) }
    case "randperm": return bytes(size) { g.fillPermutation($0, count: count, dtype: dtype) }
    case "poisson":
      let rates = bytes(size) { g.fillUniform($0, count: count, dtype: dtype, to: numbers[0]) }
      return try bytes(size) { try g.fillPoisson($0, count: count, dtype: dtype, rates: rates) }
    case "bernp":
      let p = bytes(size) { g.fillUniform($0, count: count, dtype: dtype) }
      return try bytes(size) { try g.fillBernoulli($0, count: count, dtype: dtype, probabilities: p, of: dtype) }
    case "multi":
      let (samples, rows) = (Int(numbers[0]), Int(numbers[1]))
      let weights = bytes(size * rows) { g.fillUniform($0, count: count * rows, dtype: dtype) }
      return try bytes(rows * samples * 8) {
        try g.fillMultinomial(
          $0.assumingMemoryBound(to: Int64.self), weights: weights, dtype: dtype, rows: rows, categories: count,
          samples: samples, replacement: numbers[2] == 1)
      }
    default:
      // A saved state restored is the same generator.
      let state = g.bytes
      g = try #require(GeneratorState(bytes: state))
      return state
    }
  }

  @Test func damagedStatesAreRefused() {
    var bytes = GeneratorState(seed: 1).bytes
    #expect(GeneratorState(bytes: Array(bytes.dropLast())) == nil)
    bytes[8] = 0xFF  // `left` beyond the state
    bytes[9] = 0x7F
    #expect(GeneratorState(bytes: bytes) == nil)
  }

  @Test func parametersOutsideTheirRangeThrow() {
    let generator = MersenneTwister(seed: 1)
    var out = [Int64](repeating: 0, count: 4)
    let before = generator.state
    #expect(throws: RandomError.self) {
      try generator.draw { g throws(RandomError) in
        try g.fillMultinomial(
          &out, weights: [1, -1] as [Float], dtype: .float32, rows: 1, categories: 2, samples: 1, replacement: true)
      }
    }
    #expect(throws: RandomError.self) {
      try generator.draw { g throws(RandomError) in
        try g.fillMultinomial(
          &out, weights: [0, 0] as [Float], dtype: .float32, rows: 1, categories: 2, samples: 1, replacement: true)
      }
    }
    #expect(throws: RandomError.self) {
      try generator.draw { g throws(RandomError) in
        try g.fillBernoulli(&out, count: 2, dtype: .int64, probabilities: [0.5, .nan] as [Float], of: .float32)
      }
    }
    #expect(throws: RandomError.self) { try GeneratorState.randomRange(from: 3, to: 3, dtype: .int64) }
    #expect(generator.state == before)
  }
}
