import Flameback
import Testing

/// Mistakes and hostile sizes: one sentence, and inside `withErrors` no trap.
@Suite struct BadInputTests {
  private func sentence(_ body: () throws -> Void) -> String {
    do {
      try withErrors(body)
      return "no error"
    } catch { return "\(error)" }
  }

  @Test func allocationsThatCannotBe() {
    #expect(sentence { _ = Tensor.zeros([1 << 40, 1 << 10]) }.contains("[1099511627776, 1024]"))
    #expect(sentence { _ = Tensor.zeros([1 << 40]) }.contains("out of memory"))
    #expect(sentence { _ = Tensor.zeros([1 << 62, 1 << 62]) }.contains("too many elements"))
    #expect(sentence { _ = Tensor.zeros([2]).expand([1 << 45, 2]) + 1.0 }.contains("[add]"))
    #expect(sentence { _ = Tensor.zeros([-1]) } != "no error")
  }

  @Test func shapesThatDoNotFit() {
    let a = Tensor.zeros([2, 3])
    #expect(sentence { _ = a.matmul(Tensor.zeros([4, 5])) }.contains("[2, 3]"))
    #expect(sentence { _ = a.view([4]) }.hasPrefix("[view]"))
    #expect(sentence { _ = a.sum(dim: 2) }.contains("dimension out of range"))
    #expect(sentence { _ = a[5] } != "no error")
    #expect(sentence { _ = a.indexSelect(dim: 0, index: Tensor([7], shape: [1])) } != "no error")
    #expect(sentence { _ = Linear(3, 2)(Tensor.zeros([4, 5])) }.contains("[4, 5]"))
    #expect(sentence { _ = Conv2d(3, 2, kernelSize: 5)(Tensor.zeros([1, 3, 2, 2])) } != "no error")
  }

  @Test func dtypesThatDoNotFit() {
    #expect(sentence { _ = Tensor.zeros([2], dtype: .int64).requiringGrad() }.contains("int64"))
    #expect(sentence { _ = Tensor.zeros([2]) & Tensor.zeros([2]) }.contains("[bitwise_and]"))
    #expect(sentence { _ = Linear(3, 2)(Tensor.zeros([4, 3], dtype: .int64)) } != "no error")
  }

  @Test func labelsThatAreWrong() {
    let logits = Tensor.zeros([2, 3])
    #expect(sentence { _ = logits.crossEntropy(Tensor([0, 9], shape: [2])) } != "no error")
    #expect(sentence { _ = logits.crossEntropy(Tensor([0, 1, 2], shape: [3])) } != "no error")
    #expect(sentence { _ = logits.crossEntropy(Tensor([Float.nan, 1], shape: [2])) } != "no error")
  }

  @Test func emptyBatchesAndDimensionsWork() {
    #expect(Linear(3, 2)(Tensor.zeros([0, 3])).shape == [0, 2])
    #expect(Conv2d(3, 2, kernelSize: 3)(Tensor.zeros([0, 3, 8, 8])).shape == [0, 2, 6, 6])
    #expect(Tensor.zeros([0, 3]).sum().itemDouble() == 0)
    #expect(Tensor.zeros([0, 3]).sum(dim: 0).shape == [3])
    #expect(sentence { _ = Tensor.zeros([0]).max() } != "no error")
    var batches = 0
    for _ in DataLoader(TensorDataset(Tensor.zeros([0, 2]), Tensor.zeros([0])), batchSize: 4) { batches += 1 }
    #expect(batches == 0)
  }

  @Test func settingsThatAreNotFinite() {
    let parameters = Linear(2, 2).parameters()
    #expect(sentence { _ = SGD(parameters, lr: .nan) } != "no error")
    #expect(sentence { _ = SGD(parameters, lr: -1) } != "no error")
    #expect(sentence { _ = Adam(parameters, lr: .infinity) } != "no error")
    #expect(sentence { _ = DataLoader(ArrayDataset([1, 2]), batchSize: 0) } != "no error")
  }
}
