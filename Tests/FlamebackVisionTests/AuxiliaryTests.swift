import Flameback
import FlamebackTesting
import FlamebackVision
import Testing

/// The classifiers halfway of GoogLeNet and Inception, as torchvision has them.
@Suite struct AuxiliaryTests {
  @Test func googLeNetHasClassifiersHalfway() {
    let model = googlenet(numClasses: 5, initWeights: false)
    let keys = model.stateDict().keys.filter { $0.hasPrefix("aux") }
    #expect(keys.count == 2 * (1 + 5 + 2 + 2))
    #expect(keys.contains("aux1.conv.conv.weight") && keys.contains("aux2.conv.bn.running_mean"))
    #expect(model.stateDict()["aux1.fc1.weight"]?.shape == [1024, 2048])
    #expect(model.stateDict()["aux2.fc2.weight"]?.shape == [5, 1024])
    let x = Tensor.randn(2, 3, 64, 64)
    let result = noGrad { model.withAuxiliary(x) }
    #expect(result.logits.shape == [2, 5] && result.aux1?.shape == [2, 5] && result.aux2?.shape == [2, 5])
    model.eval()
    #expect(noGrad { model.withAuxiliary(x) }.aux1 == nil)
    let plain = googlenet(numClasses: 5, auxLogits: false, initWeights: false)
    #expect(!plain.stateDict().keys.contains { $0.hasPrefix("aux") })
    #expect(noGrad { plain.withAuxiliary(x) }.aux2 == nil)
  }

  @Test func inceptionHasAClassifierHalfway() {
    let model = inceptionV3(numClasses: 4, initWeights: false)
    let keys = model.stateDict().keys.filter { $0.hasPrefix("AuxLogits") }
    #expect(keys.count == 2 * (1 + 5) + 2)
    #expect(model.stateDict()["AuxLogits.conv1.conv.weight"]?.shape == [768, 128, 5, 5])
    let x = Tensor.randn(2, 3, 299, 299)
    let result = noGrad { model.withAuxiliary(x) }
    #expect(result.logits.shape == [2, 4] && result.aux?.shape == [2, 4])
    let plain = inceptionV3(numClasses: 4, auxLogits: false, initWeights: false)
    #expect(!plain.stateDict().keys.contains { $0.hasPrefix("AuxLogits") })
  }

  /// (x · 0.229 + 0.485 − 0.5) / 0.5 for the first channel, and so on.
  @Test func inputsAreTransformed() {
    let model = googlenet(numClasses: 3, auxLogits: false, transformInput: true)
    let plain = googlenet(numClasses: 3, auxLogits: false, transformInput: false)
    _ = try? plain.load(model.stateDict())
    model.eval()
    plain.eval()
    let x = Tensor.randn(1, 3, 64, 64)
    let (mean, deviation) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    let changed = Tensor.cat(
      (0..<3).map { (x.narrow(dim: 1, start: $0, length: 1) * deviation[$0] + mean[$0] - 0.5) / 0.5 }, dim: 1)
    #expect(noGrad { model(x).allClose(plain(changed), rtol: 1e-4, atol: 1e-5) })
    #expect(throws: OpError.self) { try withErrors { _ = model(Tensor.ones(1, 1, 64, 64)) } }
  }
}
