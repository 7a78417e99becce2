import Flameback
import FlamebackFiles
import Foundation
import Testing

@testable import FlamebackONNX

/// Damaged models give errors: no trap, no endless work.
@Suite struct FuzzTests {
  /// For `FLAMEBACK_FUZZ_SECONDS` seconds (half a second by default) damaged models are read, folded and run.
  @Test func forAWhile() throws {
    let environment = ProcessInfo.processInfo.environment
    let seconds = environment["FLAMEBACK_FUZZ_SECONDS"].flatMap(Double.init) ?? 0.5
    var generator = GeneratorState(seed: environment["FLAMEBACK_FUZZ_SEED"].flatMap(UInt64.init) ?? 11)
    func random(_ n: Int) -> Int { Int(generator.random32()) % max(n, 1) }
    let image = Tensor.ones([1, 2, 6, 6])
    let net = Sequential(
      Conv2d(2, 3, kernelSize: 3, padding: 1), BatchNorm2d(3), ReLU(), MaxPool2d(2), Flatten(), Linear(27, 4),
      Softmax(dim: 1))
    let lstm = LSTM(3, 4, batchFirst: true)
    let corpus = try withFolder { folder in
      try exportONNX(net, image, to: "\(folder)/a.onnx")
      try exportONNX(lstm, [Tensor.ones([1, 2, 3])], to: "\(folder)/b.onnx") { [lstm($0[0]).output] }
      return try ["a", "b"].map { [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\($0).onnx"))) }
    }
    let inputs = [image, Tensor.ones([1, 2, 3])]
    // Whole models work: what follows is about the damage.
    for (bytes, input) in zip(corpus, inputs) { _ = try noGrad { try ONNXModel(bytes: bytes).run([input]) } }
    let numbers: [UInt8] = [0, 1, 0x7F, 0x80, 0xFF, 0x10, 0x08]
    let start = Date()
    var (rounds, whole) = (0, 0)
    while Date().timeIntervalSince(start) < seconds {
      let which = random(corpus.count)
      var bytes = corpus[which]
      for _ in 0...random(4) {
        let at = random(bytes.count)
        switch random(6) {
        case 0: bytes[at] ^= 1 << UInt8(random(8))
        case 1: bytes[at] = numbers[random(numbers.count)]
        case 2: for i in 0..<min(1 + random(9), bytes.count - at) { bytes[at + i] = numbers[random(numbers.count)] }
        case 3: bytes.removeSubrange(at..<min(at + 1 + random(32), bytes.count))
        case 4:
          let from = random(corpus[1 - which].count)
          bytes.insert(contentsOf: corpus[1 - which][from..<min(from + random(64), corpus[1 - which].count)], at: at)
        default: bytes.removeLast(random(bytes.count / 4))
        }
        if bytes.isEmpty { bytes = [0] }
      }
      let result = try? withErrors {
        try noGrad { try ONNXModel(bytes: bytes, frozen: random(2) == 0).run([inputs[which]]) }
      }
      whole += result == nil ? 0 : 1
      rounds += 1
    }
    #expect(rounds > whole, "damage goes unnoticed")
    print("\(rounds) damaged models, \(whole) still ran")
  }
}
