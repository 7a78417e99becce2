import Flameback
import Testing

@Suite struct PhiloxTests {
  /// The known answers that come with Random123, the algorithm's own library.
  @Test func knownAnswers() {
    #expect(
      Philox.block(SIMD4(0, 0, 0, 0), key: SIMD2(0, 0)) == SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
    let ones = UInt32.max
    #expect(
      Philox.block(SIMD4(ones, ones, ones, ones), key: SIMD2(ones, ones))
        == SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
    #expect(
      Philox.block(SIMD4(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344), key: SIMD2(0xa409_3822, 0x299f_31d0))
        == SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
  }

  /// Thread i draws element i first: the first word of the block with i in the counter's upper half.
  @Test func elementsFollowTheGrid() {
    var state = PhiloxState(seed: 42)
    var words: [Int: UInt32] = [:]
    state.forEachWord(300) { words[$0] = $1 }
    let key = SIMD2<UInt32>(42, 0)
    #expect(words.count == 300)
    #expect(words[0] == Philox.block(SIMD4(0, 0, 0, 0), key: key)[0])
    #expect(words[299] == Philox.block(SIMD4(0, 0, 299, 0), key: key)[0])
    #expect(state.offset == 4)
    // One multiprocessor has 2,048 threads: element 2,048 is the second word of thread 0, and 8,192 its fifth.
    var small = PhiloxState(seed: 42, offset: 8, multiprocessors: 1)
    small.forEachWord(8_193) { words[$0] = $1 }
    #expect(words[2_048] == Philox.block(SIMD4(2, 0, 0, 0), key: key)[1])
    #expect(words[8_192] == Philox.block(SIMD4(3, 0, 0, 0), key: key)[0])
    #expect(small.offset == 16)
  }

  @Test func tensorsDrawFromIt() throws {
    let generator = Generator(seed: 3, algorithm: .philox())
    let uniform = Tensor.rand([4_096], generator: generator)
    #expect(abs(uniform.mean().itemDouble() - 0.5) < 0.02)
    #expect(uniform.min().itemDouble() >= 0 && uniform.max().itemDouble() < 1)
    let normal = Tensor.randn([4_096], generator: generator)
    #expect(abs(normal.mean().itemDouble()) < 0.06 && abs(normal.std().itemDouble() - 1) < 0.05)
    let state = try #require(generator.philoxState)
    let next = Tensor.randint(0, 10, [5], generator: generator)
    #expect(Tensor.randint(0, 10, [5], generator: Generator(state: state)).equal(next))
    generator.manualSeed(3)
    #expect(Tensor.rand([4_096], generator: generator).equal(uniform))
    // What has no order of CUDA's works too, and again the same for the same seed.
    let cauchy = Tensor.zeros(8).cauchy(generator: Generator(seed: 1, algorithm: .philox()))
    #expect(Tensor.zeros(8).cauchy(generator: Generator(seed: 1, algorithm: .philox())).equal(cauchy))
  }
}
