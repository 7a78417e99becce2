import Flameback
import FlamebackCore
import FlamebackFiles
import Foundation

/// A module of the shared cases with its inputs, in evaluation mode: what exporters are tested with.
public struct ModuleSample {
  public let id: String
  public let module: Module
  public let inputs: [Tensor]
  /// The tensors of the output, in order.
  public let forward: ([Tensor]) throws -> [Tensor]

  /// All cases of kind `modules` with float32 inputs that must work.
  public static func all(_ directory: String) throws -> [ModuleSample] {
    let names = try FileManager.default.contentsOfDirectory(atPath: directory + "/modules").sorted()
    return try names.filter { $0.hasSuffix(".json") }.flatMap { name in
      try samples(CaseFile(directory: directory, file: "modules/" + name))
    }
  }

  /// The whole models of the shared cases, each made when it is asked for.
  public static func models(_ directory: String) throws -> [() throws -> ModuleSample] {
    let file = try CaseFile(directory: directory, file: "models/models.json")
    return file.cases.compactMap { json in
      guard let forward = json["forward"] else { return nil }
      return {
        let model = try ModelCase(file: file, json: json).build(forward["kwargs"])
        try FilledState.fill(model.module, salt: forward["fill_salt"]?.int ?? 0)
        model.module.eval()
        let x = FilledState.input(forward["x_fill"] ?? .null)
        return ModuleSample(id: json["id"]?.string ?? "", module: model.module, inputs: [x]) { inputs in
          try withErrors { try model.forward(Call("forward", [.tensor(inputs[0])])) }.tensors
        }
      }
    }
  }

  private static func samples(_ file: CaseFile) -> [ModuleSample] {
    file.cases.compactMap { json in
      guard json["error"]?.bool != true, json["dtype"]?.string == "float32", json["no_forward"]?.bool != true else {
        return nil
      }
      return try? withErrors {
        try noGrad { try ModuleCase(file: file, json: json, device: .cpu).sample(json["id"]?.string ?? "") }
      }
    }
  }
}

extension ModuleCase {
  fileprivate func sample(_ id: String) throws -> ModuleSample {
    let inputs = try (json["inputs"]?.array ?? []).map { try file.tensor($0).detached() }
    let built = try build(inputs)
    if json["lazy"]?.bool == true { _ = try forward(built, inputs) }
    try file.load(json["state"], into: built.module, checkingNames: true)
    built.module.eval()
    return ModuleSample(id: id, module: built.module, inputs: inputs) { try forward(built, $0).tensors }
  }
}
