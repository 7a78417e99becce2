import ArgumentParser
import Flameback
import FlamebackONNX
import FlamebackText

/// `flameback export --model DIR model.onnx`
struct Export: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a sentence-transformers model as ONNX.",
    discussion: """
      Inputs: input_ids, attention_mask, token_type_ids (int64, [batch, sequence], both sizes free). Outputs:
      last_hidden_state and sentence_embedding.
      """)

  @OptionGroup var pretrained: PretrainedOptions
  @Argument(help: "The file to write.")
  var output: String
  @Option(help: "The version of ONNX's operator set, 18 to 23.")
  var opset = 20

  func run() throws {
    let sentences = try SentenceTransformer.load(pretrained.folder())
    let names = ["input_ids", "attention_mask", "token_type_ids"]
    let axes = Dictionary(uniqueKeysWithValues: names.map { ($0, [0: "batch", 1: "sequence"]) })
    let ids = Tensor.ones([2, 8], dtype: .int64)
    try exportONNX(
      sentences.model, [ids, ids, Tensor.zerosLike(ids)], to: output,
      ONNXExportOptions(
        opset: opset, inputNames: names, outputNames: ["last_hidden_state", "sentence_embedding"], dynamicAxes: axes)
    ) { inputs in
      let result = sentences(inputs[0], attentionMask: inputs[1], tokenTypeIDs: inputs[2])
      return [result.tokens, result.sentences]
    }
    say("wrote \(output)")
  }
}
