import Flameback
import Testing

@Suite struct LayerTests {
  /// Packed sequences give each sequence what it gets alone.
  @Test(arguments: [false, true]) func packedSequencesEqualSingleOnes(bidirectional: Bool) {
    let lstm = LSTM(3, 4, numLayers: 2, bidirectional: bidirectional)
    let lengths = [2, 5, 3]
    let sequences = lengths.map { Tensor.randn([$0, 3]) }
    let packed = packSequence(sequences, enforceSorted: false)
    let result = lstm(packed)
    let outputs = unpackSequence(result.output)
    for (i, sequence) in sequences.enumerated() {
      let alone = lstm(sequence.unsqueeze(1))
      #expect(outputs[i].allClose(alone.output.squeeze(1), atol: 1e-6))
      #expect(result.state.h.select(dim: 1, index: i).allClose(alone.state.h.squeeze(1), atol: 1e-6))
      #expect(result.state.c.select(dim: 1, index: i).allClose(alone.state.c.squeeze(1), atol: 1e-6))
    }
  }

  @Test func equalSeedsGiveEqualLayers() {
    let first = withGenerator(Generator(seed: 7)) { Linear(4, 4).stateDict() }
    let second = withGenerator(Generator(seed: 7)) { Linear(4, 4).stateDict() }
    #expect(first["weight"]!.equal(second["weight"]!) && first["bias"]!.equal(second["bias"]!))
    withGenerator(Generator(seed: 7)) {
      let skipped = skipInit { Linear(4, 4) }
      #expect(skipped.weight.abs().sum().itemDouble() == 0)
      #expect(Linear(4, 4).weight.equal(first["weight"]!), "skipInit draws nothing")
    }
  }

  @Test func copiesOfTransformerLayersStartEqualAndLearnApart() {
    let layer = TransformerEncoderLayer(4, 2, dimFeedforward: 8)
    let encoder = TransformerEncoder(layer, numLayers: 2)
    let state = encoder.stateDict()
    #expect(state["layers.0.linear1.weight"]!.equal(state["layers.1.linear1.weight"]!))
    encoder.layers[0].linear1.weight = Tensor.zeros([8, 4])
    #expect(!encoder.layers[1].linear1.weight.equal(Tensor.zeros([8, 4])))
  }

  @Test func attentionMasksHideKeys() {
    let attention = MultiheadAttention(4, 2, batchFirst: true)
    let x = Tensor.randn([1, 3, 4])
    let mask = Tensor([false, false, true], shape: [1, 3])
    let (_, weights) = attention(x, x, x, keyPaddingMask: mask)
    #expect(weights!.select(dim: 2, index: 2).abs().sum().itemDouble() == 0)
    let quick = attention(x, x, x, keyPaddingMask: mask, needWeights: false).output
    #expect(quick.allClose(attention(x, x, x, keyPaddingMask: mask).output, atol: 1e-6))
  }

  @Test func batchNormMeasuresInTrainingAndUsesItInEvaluation() {
    let norm = BatchNorm1d(1, momentum: nil)
    _ = norm(Tensor([Float(0), 2], shape: [2, 1]))
    _ = norm(Tensor([Float(4), 6], shape: [2, 1]))
    #expect(norm.runningMean!.itemDouble() == 3)
    #expect(norm.numBatchesTracked!.itemInt() == 2)
    norm.eval()
    #expect(abs(norm(Tensor([Float(3), 3], shape: [2, 1])).amax().itemDouble()) < 1e-5)
    #expect(norm.numBatchesTracked!.itemInt() == 2)
  }

  @Test func wrongShapesAreErrors() {
    for body in [
      { _ = Linear(3, 2)(Tensor.ones([1, 4])) }, { _ = BatchNorm2d(3)(Tensor.ones([1, 3])) },
      { _ = LSTM(3, 2)(Tensor.ones([5, 1, 4])) }, { _ = Conv2d(3, 4, kernelSize: 3, groups: 2) },
      { _ = GroupNorm(2, 3) }, { _ = Dropout(1.5) }, { _ = MultiheadAttention(5, 2) },
    ] as [() -> Void] {
      #expect(throws: OpError.self) { try withErrors(body) }
    }
  }

  @Test func averagedModelsAverage() {
    let model = Linear(1, 1, bias: false)
    let averaged = AveragedModel(of: model) { Linear(1, 1, bias: false) }
    for value in [Float(1), 2, 6] {
      model.weight = Tensor([value], shape: [1, 1])
      averaged.updateParameters(model)
    }
    #expect(averaged.module.weight.itemDouble() == 3)
    #expect(averaged.stateDict().keys == ["n_averaged", "module.weight"])
  }
}

@Suite struct DerivedLayerTests {
  @Test func lazyLayersLearnTheirSizes() throws {
    let layer = LazyLinear(3)
    #expect(layer.stateDict().keys.isEmpty)
    #expect(layer(Tensor.ones([2, 5])).shape == [2, 3])
    #expect(layer.stateDict()["weight"]!.shape == [3, 5])
    let other = LazyLinear(3)
    try other.load(layer.stateDict())
    #expect(other.stateDict()["weight"]!.equal(layer.stateDict()["weight"]!))
  }

  @Test func parametrizedWeightsKeepTheirValueAndLearnThroughTheirParts() {
    let layer = Linear(3, 2)
    let x = Tensor.ones([1, 3])
    let before = layer(x)
    layer.$weight.parametrize { WeightNorm($0) }
    #expect(
      layer.stateDict().keys == ["bias", "parametrizations.weight.original0", "parametrizations.weight.original1"])
    #expect(layer(x).allClose(before, atol: 1e-6))
    layer(x).sum().backward()
    #expect(layer.parameters().allSatisfy { $0.grad != nil })
    layer.$weight.removeParametrization()
    #expect(layer.stateDict().keys == ["weight", "bias"])
    #expect(layer(x).allClose(before, atol: 1e-6))
  }

  @Test func prunedElementsStayZero() {
    let layer = Linear(2, 2, bias: false)
    layer.weight = Tensor([Float(1), -4, 3, 2], shape: [2, 2])
    Prune.l1Unstructured(layer.$weight, amount: .count(1))
    #expect(layer.weight.scalars(Float.self) == [0, -4, 3, 2])
    Prune.l1Unstructured(layer.$weight, amount: .fraction(0.67))
    #expect(layer.weight.scalars(Float.self) == [0, -4, 0, 0])
    #expect(layer.stateDict().keys == ["weight_orig", "weight_mask"])
    Prune.remove(layer.$weight)
    #expect(layer.stateDict()["weight"]!.scalars(Float.self) == [0, -4, 0, 0])
  }
}
