/// What PyTorch draws: `operation count dtype parameters = FNV-1a of the bytes`.
let goldenDraws = """
  seed 2
  uniform 1 float32 0 1 = 0d578ee3a2b45741
  seed 3
  uniform 1 float32 -0.3 0.7 = e8fb4ab01809bd8c
  seed 4
  uniform 1 float32 2 2.001 = b0fde4bfbca29901
  seed 5
  normal 1 float32 0 1 = 98e5cffa3bb28dc7
  normal 3 float32 0 1 = 4ec2ddb71d07e106
  normal 1 float32 0 1 s = 2dedc89dd136d5a7
  seed 6
  normal 1 float32 0.5 3 = 10e9053f0e831ec9
  normal 3 float32 0.5 3 = 07858513f359bae5
  normal 1 float32 0.5 3 s = 1b120cc8c215cdae
  seed 7
  exponential 1 float32 1.7 = f4aa34f55fc313b8
  cauchy 1 float32 0.2 1.7 = d2fa5b1cb7d6d619
  log_normal 1 float32 0.2 0.7 = 9782085cb9e124e2
  bernp 1 float32 = 4d25767f9dce13f5
  poisson 1 float32 5 = 4d25b57f9dce7f02
  poisson 1 float32 40 = 4d25b67f9dce80b5
  multi 1 float32 1 4 0 = 0c8210784d8af5a5
  multi 1 float32 1 4 1 = 0c8210784d8af5a5
  seed 8
  uniform 1 float64 0 1 = a1b4883141d6ce80
  seed 9
  uniform 1 float64 -0.3 0.7 = 26ffa03494fdbf6e
  seed 10
  uniform 1 float64 2 2.001 = 6e06b0b1201709d2
  seed 11
  normal 1 float64 0 1 = 60b8b9bc84ac8d87
  normal 3 float64 0 1 = 316d6970fb69324d
  normal 1 float64 0 1 s = 7658d229e2351a92
  seed 12
  normal 1 float64 0.5 3 = 546c5ed1e681ec4d
  normal 3 float64 0.5 3 = 05e06cba111f54da
  normal 1 float64 0.5 3 s = 80003ca9c6b0ed5f
  seed 13
  exponential 1 float64 1.7 = 2879c306740c74f7
  cauchy 1 float64 0.2 1.7 = 84baa994cb943f04
  log_normal 1 float64 0.2 0.7 = b3b800cac50ea69e
  bernp 1 float64 = aab1693229ba1db8
  poisson 1 float64 5 = aab1693229ba1db8
  poisson 1 float64 40 = a9a1383228d29745
  multi 1 float64 1 4 0 = 0c8210784d8af5a5
  multi 1 float64 1 4 1 = 0c8210784d8af5a5
  seed 14
  uniform 1 float16 0 1 = 09fa0407b66e802b
  seed 15
  uniform 1 float16 -0.3 0.7 = 08f16f07b58e217a
  seed 16
  uniform 1 float16 2 2.001 = 08324807b4eb032d
  seed 17
  normal 1 float16 0 1 = 096e0b07b5f709a1
  normal 3 float16 0 1 = cf652d4ca2e0fa67
  normal 1 float16 0 1 s = 08afa507b5553347
  seed 18
  normal 1 float16 0.5 3 = 0a1c2807b68ba3bd
  normal 3 float16 0.5 3 = d3f7b267b4b62daa
  normal 1 float16 0.5 3 s = 0ade0a07b73082a2
  seed 19
  exponential 1 float16 1.7 = 09e58e07b65d0e9f
  cauchy 1 float16 0.2 1.7 = 09d1de07b64ced85
  log_normal 1 float16 0.2 0.7 = 08218607b4dcf954
  bernp 1 float16 = 08328807b4eb6fed
  poisson 1 float16 5 = 08328c07b4eb76b9
  poisson 1 float16 40 = 08324407b4eafc61
  multi 1 float16 1 4 0 = 0c8210784d8af5a5
  multi 1 float16 1 4 1 = 0c8210784d8af5a5
  seed 20
  uniform 1 bfloat16 0 1 = 08690907b519da90
  seed 21
  uniform 1 bfloat16 -0.3 0.7 = 08030a07b4c32911
  seed 22
  uniform 1 bfloat16 2 2.001 = 08324807b4eb032d
  seed 23
  normal 1 bfloat16 0 1 = 089f8907b5484380
  normal 3 bfloat16 0 1 = 3d0d8670a5d1a55c
  normal 1 bfloat16 0 1 s = 0a340807b69fff3e
  seed 24
  normal 1 bfloat16 0.5 3 = 08a26e07b54a4b76
  normal 3 bfloat16 0.5 3 = 043f84ad7db05621
  normal 1 bfloat16 0.5 3 s = 09838907b60a3bc5
  seed 25
  exponential 1 bfloat16 1.7 = 08548807b5085653
  cauchy 1 bfloat16 0.2 1.7 = 09570a07b5e4290d
  log_normal 1 bfloat16 0.2 0.7 = 08917007b53bdba9
  bernp 1 bfloat16 = 08328807b4eb6fed
  poisson 1 bfloat16 5 = 09e58907b65d0620
  poisson 1 bfloat16 40 = 0b105707b75aac12
  multi 1 bfloat16 1 4 0 = 0c8210784d8af5a5
  multi 1 bfloat16 1 4 1 = 0c8210784d8af5a5
  geometric 1 float32 0.3 = 4c4bb67f9d14dcf5
  geometric 1 float64 0.3 = aab1693229ba1db8
  geometric 1 float16 0.3 = 08324307b4eafaae
  geometric 1 bfloat16 0.3 = 09e58907b65d0620
  geometric 1 int64 0.3 = e6bd86443df8ce07
  geometric 1 int32 0.3 = ed202287f403d086
  geometric 1 uint8 0.3 = af63b84c8601af60
  geometric 1 int16 0.3 = 082f2207b4e88cc4
  geometric 1 int8 0.3 = af63bc4c8601b62c
  bernoulli 1 float32 0.3 = 4d25767f9dce13f5
  random 1 float32 = 34e5781989400a62
  range 1 float32 0 2 = 4d25767f9dce13f5
  range 1 float32 3 100 = 4a7d857f9b8c2d7a
  range 1 float32 5 = b01a8505ca71ca06
  bernoulli 1 float64 0.3 = a8c7f832281a39c5
  random 1 float64 = b3ded6f2126e064f
  range 1 float64 0 2 = a8c7f832281a39c5
  range 1 float64 3 100 = a9640c32289e9e63
  range 1 float64 5 = e1c3aa391c50e9a9
  bernoulli 1 float16 0.3 = 08328807b4eb6fed
  random 1 float16 = 08f13607b58dc09f
  range 1 float16 0 2 = 08328807b4eb6fed
  range 1 float16 3 100 = 09e53b07b65c8196
  range 1 float16 5 = 09f66307b66b38c1
  bernoulli 1 bfloat16 0.3 = 08328807b4eb6fed
  random 1 bfloat16 = 07c96d07b4925903
  range 1 bfloat16 0 2 = 08328807b4eb6fed
  range 1 bfloat16 3 100 = 090c4707b5a4a53a
  range 1 bfloat16 5 = 0a528607b6b9d2e7
  bernoulli 1 int64 0.3 = 89cd31291d2aefa4
  random 1 int64 = 082213251aa7456d
  range 1 int64 0 2 = a8c7f832281a39c5
  range 1 int64 3 100 = 834fc1470bccb26b
  range 1 int64 5 = bb67883f68767a4a
  bernoulli 1 int32 0.3 = 4d25767f9dce13f5
  random 1 int32 = 21a5dba4a3ddec4c
  range 1 int32 0 2 = ad2aca7747985764
  range 1 int32 3 100 = 8cf02ed2fbe7719f
  range 1 int32 5 = d5380e631b5b3747
  bernoulli 1 uint8 0.3 = af63bd4c8601b7df
  random 1 uint8 = af64324c86027eae
  range 1 uint8 0 2 = af63bc4c8601b62c
  range 1 uint8 3 100 = af63cd4c8601d30f
  range 1 uint8 5 = af63f14c8602103b
  bernoulli 1 bool 0.3 = af63bd4c8601b7df
  random 1 bool = af63bc4c8601b62c
  range 1 bool 0 2 = af63bc4c8601b62c
  bernoulli 1 int16 0.3 = 08328807b4eb6fed
  random 1 int16 = 08219c07b4dd1eb6
  range 1 int16 0 2 = 08328807b4eb6fed
  range 1 int16 3 100 = 085b5007b50e15d9
  range 1 int16 5 = 0a8c4307b6ead955
  bernoulli 1 int8 0.3 = af63bd4c8601b7df
  random 1 int8 = af63c64c8601c72a
  range 1 int8 0 2 = af63bc4c8601b62c
  range 1 int8 3 100 = af63f84c86021c20
  range 1 int8 5 = af63f74c86021a6d
  range 1 int64 -1073741824 1073754169 = 9ad4902026cac975
  range 1 int64 -134217727 67108864 = 69fcca813954148f
  randperm 1 int64 = a8c7f832281a39c5
  range 1 float32 -1073741824 1073754169 = e9b95d97589084e0
  range 1 float32 -134217727 67108864 = 97febe1135a754df
  randperm 1 float32 = 4d25767f9dce13f5
  range 1 float64 -1073741824 1073754169 = 17304eb1aa24d90d
  range 1 float64 -134217727 67108864 = 5fc2924b89bfef62
  randperm 1 float64 = a8c7f832281a39c5
  range 1 int32 -134217727 67108864 = 87a3f88d48654346
  randperm 1 int32 = 4d25767f9dce13f5
  range 1 float16 -2047 2047 = 0a7b6907b6dca6b4
  range 1 float16 257 2000 = 09bc6307b639c07a
  range 1 float16 1001 2047 = 0a334e07b69ec330
  range 1 bfloat16 -2047 2047 = 0857ae07b50accbc
  range 1 bfloat16 257 2000 = 088b2007b536e80b
  range 1 bfloat16 1001 2047 = 096b7407b5f58635
  range 1 float32 -2047 2047 = e53d627c8e862f61
  range 1 float32 257 2000 = e4ddc27c8e348afd
  range 1 float32 1001 2047 = 252a327e65d5bc15
  range 1 int64 -9223372036854775808 = fbf1cd21ece965b8
  state 0 float32 = 327c5dc7e5b9d3a6
  normal 1 float32 0 1 = f890a7d9be230894
  state 0 float32 = 3f27d73b0376d241
  seed 26
  uniform 17 float32 0 1 = 4ef2d776c167742f
  seed 27
  uniform 17 float32 -0.3 0.7 = 2469714af39b5209
  seed 28
  uniform 17 float32 2 2.001 = 85cf18930ae3eb25
  seed 29
  normal 17 float32 0 1 = 8aece3eb8a7436ab
  normal 3 float32 0 1 = 7476c92f46c41685
  normal 17 float32 0 1 s = 6d969de68dea3b8e
  seed 30
  normal 17 float32 0.5 3 = 3d16ec383a791256
  normal 3 float32 0.5 3 = 632d9da7ea178bf1
  normal 17 float32 0.5 3 s = b45d09de987da029
  seed 31
  exponential 17 float32 1.7 = 49d5dbda8e58e912
  cauchy 17 float32 0.2 1.7 = 064a603f1d408596
  log_normal 17 float32 0.2 0.7 = a74330645c1cdf10
  bernp 17 float32 = d47a5da51469a478
  poisson 17 float32 5 = e6712d2c62f2e92b
  poisson 17 float32 40 = fdbe70478ac56e11
  multi 17 float32 1 4 0 = cb2cf118b01360aa
  multi 17 float32 1 4 1 = fb3399da33bcbea9
  multi 17 float32 3 4 0 = 20dbf9b3a0868041
  multi 17 float32 3 4 1 = 9f56bcc45ad3e7c7
  seed 32
  uniform 17 float64 0 1 = 837c99ebcd94e7b0
  seed 33
  uniform 17 float64 -0.3 0.7 = dc68e5a01f848a51
  seed 34
  uniform 17 float64 2 2.001 = 5825a91f7c172c26
  seed 35
  normal 17 float64 0 1 = 26c0845468d3f6a8
  normal 3 float64 0 1 = 2e14b69c28e0c3a6
  normal 17 float64 0 1 s = cfd8a07de030f1a0
  seed 36
  normal 17 float64 0.5 3 = ccfd3711b621ae88
  normal 3 float64 0.5 3 = a2f0d1e414f1cfdd
  normal 17 float64 0.5 3 s = 281b72e0c7092e8d
  seed 37
  exponential 17 float64 1.7 = 2230170506115972
  cauchy 17 float64 0.2 1.7 = c70021a79ccd6c9b
  log_normal 17 float64 0.2 0.7 = 2df1b3fe7875fa68
  bernp 17 float64 = 575a5677e992a565
  poisson 17 float64 5 = d2a87589a9d6fc75
  poisson 17 float64 40 = acffffab185d0bba
  multi 17 float64 1 4 0 = e7fd28f077f56b68
  multi 17 float64 1 4 1 = f9f9b498fce14dec
  multi 17 float64 3 4 0 = d5b408591a644bec
  multi 17 float64 3 4 1 = 367d815c3af341d6
  seed 38
  uniform 17 float16 0 1 = dcc1e9908c644b55
  seed 39
  uniform 17 float16 -0.3 0.7 = c5825093038272bb
  seed 40
  uniform 17 float16 2 2.001 = c70f9784846b79ad
  seed 41
  normal 17 float16 0 1 = 5f2bb08c8caf609f
  normal 3 float16 0 1 = 0caa4f3a7c7e5b9a
  normal 17 float16 0 1 s = 296a00e71e0631e9
  seed 42
  normal 17 float16 0.5 3 = a2a74ee4384e0deb
  normal 3 float16 0.5 3 = 42284571732e1fde
  normal 17 float16 0.5 3 s = a4590afcc3b61eb1
  seed 43
  exponential 17 float16 1.7 = d3aa928584466b0c
  cauchy 17 float16 0.2 1.7 = 7e65704377bcd70d
  log_normal 17 float16 0.2 0.7 = dcef811367c752fb
  bernp 17 float16 = 2a9eb5b83129f0ed
  poisson 17 float16 5 = 68e766e176567e0b
  poisson 17 float16 40 = d5d611e01a933929
  multi 17 float16 1 4 0 = 416bbbfe6e63ac0b
  multi 17 float16 1 4 1 = 9db7226197fa6efa
  multi 17 float16 3 4 0 = 1bcd339baabee219
  multi 17 float16 3 4 1 = 89e916444e087388
  seed 44
  uniform 17 bfloat16 0 1 = f8a1c0458da73a1a
  seed 45
  uniform 17 bfloat16 -0.3 0.7 = 404ccb2c84c7f9dc
  seed 46
  uniform 17 bfloat16 2 2.001 = c70f9784846b79ad
  seed 47
  normal 17 bfloat16 0 1 = aaa1f4dc2c2c7bf9
  normal 3 bfloat16 0 1 = 02fdb30ecce10308
  normal 17 bfloat16 0 1 s = 9b9561bc5270485a
  seed 48
  normal 17 bfloat16 0.5 3 = 3b12bcd3355ca223
  normal 3 bfloat16 0.5 3 = 458fa8e30a2afa00
  normal 17 bfloat16 0.5 3 s = 364e9d49b1419894
  seed 49
  exponential 17 bfloat16 1.7 = 76a22454f5a41041
  cauchy 17 bfloat16 0.2 1.7 = df8375f013ea06cf
  log_normal 17 bfloat16 0.2 0.7 = ecf11a44f9b15d6b
  bernp 17 bfloat16 = b870c1b109202bbd
  poisson 17 bfloat16 5 = c7a3d766cbdf707a
  poisson 17 bfloat16 40 = eac105d58a4cd969
  multi 17 bfloat16 1 4 0 = 8886763a7596c91d
  multi 17 bfloat16 1 4 1 = f23d8293e058a95c
  multi 17 bfloat16 3 4 0 = d55dacd0e46983fb
  multi 17 bfloat16 3 4 1 = b0a5ecdf919d1c71
  geometric 17 float32 0.3 = 95b62114c460b415
  geometric 17 float64 0.3 = ec10b502c92e1358
  geometric 17 float16 0.3 = a5f48e83e6560c6d
  geometric 17 bfloat16 0.3 = 683cb319725291bd
  geometric 17 int64 0.3 = 8d80cc293deae28a
  geometric 17 int32 0.3 = b7153a391dbf5313
  geometric 17 uint8 0.3 = b4b4af58a5669124
  geometric 17 int16 0.3 = b6a86ab0fea2e0a0
  geometric 17 int8 0.3 = 2a7bdf68d4f39a8b
  bernoulli 17 float32 0.3 = c9de2325862cca18
  random 17 float32 = 197fad49b088caff
  range 17 float32 0 2 = 1aaf72dcc82702c5
  range 17 float32 3 100 = b8e2d6b97f1f1637
  range 17 float32 5 = 484ef1872278bc5b
  bernoulli 17 float64 0.3 = 7ec2fd5234d32445
  random 17 float64 = 6e791a71739f311b
  range 17 float64 0 2 = e758779995390d98
  range 17 float64 3 100 = d6f56806b72372d4
  range 17 float64 5 = fc5b0b178bafa14e
  bernoulli 17 float16 0.3 = 6072a40ddb771c0d
  random 17 float16 = ab5e3a0217c31869
  range 17 float16 0 2 = a720ec0ba275f0fd
  range 17 float16 3 100 = 5d463e919ba84bad
  range 17 float16 5 = 5399990b4e0223d7
  bernoulli 17 bfloat16 0.3 = 59758397396fa5f5
  random 17 bfloat16 = b62816adc0733bdd
  range 17 bfloat16 0 2 = 98779027520d92f5
  range 17 bfloat16 3 100 = 61b6500f67df307d
  range 17 bfloat16 5 = 77ebf7ff1165d47f
  bernoulli 17 int64 0.3 = f80897a8f8fb4b05
  random 17 int64 = 0d58dd43f9b73427
  range 17 int64 0 2 = 06a6038c4206c284
  range 17 int64 3 100 = a6486ae34f18ce41
  range 17 int64 5 = ce863891b41f7b81
  bernoulli 17 int32 0.3 = d2f5b309e50dba14
  random 17 int32 = 863207670e623f38
  range 17 int32 0 2 = e23bf20d6ed0ba25
  range 17 int32 3 100 = 353ebcf3462e1ce1
  range 17 int32 5 = 46ed4432a171c072
  bernoulli 17 uint8 0.3 = d0aabaa0e5f00ef1
  random 17 uint8 = 36eb34d910362f16
  range 17 uint8 0 2 = f656edb2e9d2fa6d
  range 17 uint8 3 100 = 560bbd8552db71c6
  range 17 uint8 5 = b69241347622b15a
  bernoulli 17 bool 0.3 = 3addca51fd764cb6
  random 17 bool = ccd71ab4871a99f3
  range 17 bool 0 2 = 2a8169909d73b2ef
  bernoulli 17 int16 0.3 = 84097e524e9d4c0d
  random 17 int16 = 46eadae4edeb5844
  range 17 int16 0 2 = 3ac958c45db56ee5
  range 17 int16 3 100 = 9beca990c6d012e2
  range 17 int16 5 = 0e08404861934977
  bernoulli 17 int8 0.3 = 6ae312e46771fc79
  random 17 int8 = 6ca947f806a3c361
  range 17 int8 0 2 = e845e3c0ae4a0715
  range 17 int8 3 100 = 75e0ce1445247293
  range 17 int8 5 = 92bfe82ff988830c
  range 17 int64 -1073741824 1073754169 = ada23146bcf69d35
  range 17 int64 -134217727 67108864 = 8f3190ccb6cbb6a9
  randperm 17 int64 = 8cfafee1d9a5a855
  range 17 float32 -1073741824 1073754169 = a628e676247918f1
  range 17 float32 -134217727 67108864 = 29ce1ab12703ddcf
  randperm 17 float32 = 9b02c8d12517ff5b
  range 17 float64 -1073741824 1073754169 = d423b5ba1687763a
  range 17 float64 -134217727 67108864 = 4eb1714a2af272fa
  randperm 17 float64 = b03c218a91f9f450
  range 17 int32 -134217727 67108864 = 4f4cf488039985a2
  randperm 17 int32 = bec914a0c6240d05
  range 17 float16 -2047 2047 = bb5a4109062a4092
  range 17 float16 257 2000 = e2fcec01e04e2fb0
  range 17 float16 1001 2047 = 3840955b305461da
  range 17 bfloat16 -2047 2047 = c60fde29824806dc
  range 17 bfloat16 257 2000 = 51ac8fdffadc153d
  range 17 bfloat16 1001 2047 = 21e0778cc0eca3bf
  range 17 float32 -2047 2047 = e883403e03ab7480
  range 17 float32 257 2000 = 76ed5a9a041c2ece
  range 17 float32 1001 2047 = 12b0e1fd6cd13af8
  range 17 int64 -9223372036854775808 = 305b095a9f96fdab
  state 0 float32 = df0cdee72714107a
  normal 1 float32 0 1 = a912f924723461c5
  state 0 float32 = 4e642a236b2467d0
  seed 50
  uniform 100 float32 0 1 = 4d931638850a13c4
  seed 51
  uniform 100 float32 -0.3 0.7 = eb1dd541589c6a5f
  seed 52
  uniform 100 float32 2 2.001 = c22e0cac48549b3b
  seed 53
  normal 100 float32 0 1 = 6c0a96a384ff6b7d
  normal 3 float32 0 1 = 514002e26c47c715
  normal 100 float32 0 1 s = bd408f563453c5a7
  seed 54
  normal 100 float32 0.5 3 = 42ccc329c050fa50
  normal 3 float32 0.5 3 = b7dd95042dfa71fd
  normal 100 float32 0.5 3 s = 7d26a33b4861b4c9
  seed 55
  exponential 100 float32 1.7 = 24a30b46f44c8172
  cauchy 100 float32 0.2 1.7 = ed777eba35ba4c17
  log_normal 100 float32 0.2 0.7 = a0f60d2ef6d2a91d
  bernp 100 float32 = 06015660dd1eed15
  poisson 100 float32 5 = 0b36bd1103bd9f6b
  poisson 100 float32 40 = cc5c63fc21ffb3c0
  multi 100 float32 1 4 0 = 4e85755b9b4bf82e
  multi 100 float32 1 4 1 = 022c833b4e620942
  multi 100 float32 3 4 0 = d9f9904e6bfe775e
  multi 100 float32 3 4 1 = 34d6763f574ed1eb
  seed 56
  uniform 100 float64 0 1 = 6527fc2640042acf
  seed 57
  uniform 100 float64 -0.3 0.7 = d530e8c5d5230240
  seed 58
  uniform 100 float64 2 2.001 = f69cfb467ec1a62b
  seed 59
  normal 100 float64 0 1 = 578c068124dee85f
  normal 3 float64 0 1 = e4c44c1936ab52b2
  normal 100 float64 0 1 s = 15689ba4b94777ea
  seed 60
  normal 100 float64 0.5 3 = 344dc65a9e1dd6f0
  normal 3 float64 0.5 3 = 20b826e6bee5ef3f
  normal 100 float64 0.5 3 s = 7e65d7c4e977160d
  seed 61
  exponential 100 float64 1.7 = f36f89ec77317ec8
  cauchy 100 float64 0.2 1.7 = b53258967fdbc471
  log_normal 100 float64 0.2 0.7 = ead106fa8506338c
  bernp 100 float64 = c02e6186548e4e18
  poisson 100 float64 5 = 595b94651af32c75
  poisson 100 float64 40 = db29b666e8c8cd7e
  multi 100 float64 1 4 0 = 743ccf5adabac237
  multi 100 float64 1 4 1 = 4b16d16bb5f49e1a
  multi 100 float64 3 4 0 = 3d4dd604eece380e
  multi 100 float64 3 4 1 = dbe5682f50cb13a1
  seed 62
  uniform 100 float16 0 1 = f130ea41d8eab923
  seed 63
  uniform 100 float16 -0.3 0.7 = 7ead4d32aa087092
  seed 64
  uniform 100 float16 2 2.001 = bba009d81915e1c5
  seed 65
  normal 100 float16 0 1 = f5e1eab3165741bb
  normal 3 float16 0 1 = 1b894d6692279fd7
  normal 100 float16 0 1 s = 11eae2516d0ccce9
  seed 66
  normal 100 float16 0.5 3 = 84def6e935d7c9e9
  normal 3 float16 0.5 3 = 49df7159cb414a73
  normal 100 float16 0.5 3 s = 38985c9f7abb1e70
  seed 67
  exponential 100 float16 1.7 = e92fa5d33b5302ac
  cauchy 100 float16 0.2 1.7 = 0a841caf1cb1684b
  log_normal 100 float16 0.2 0.7 = dd4477e6fc5eddaa
  bernp 100 float16 = 4785d14a8a1da0d1
  poisson 100 float16 5 = de06b44aa63c6d6a
  poisson 100 float16 40 = 3d74d2095dd82b74
  multi 100 float16 1 4 0 = bc8ce9f5b4f5b375
  multi 100 float16 1 4 1 = ec84d5328256d2c5
  multi 100 float16 3 4 0 = 2b6283533161c610
  multi 100 float16 3 4 1 = db444972b91ef9a7
  seed 68
  uniform 100 bfloat16 0 1 = 853491d688e26208
  seed 69
  uniform 100 bfloat16 -0.3 0.7 = e17cae2f1f5a4eb6
  seed 70
  uniform 100 bfloat16 2 2.001 = bba009d81915e1c5
  seed 71
  normal 100 bfloat16 0 1 = 834bd60c1d97ac96
  normal 3 bfloat16 0 1 = 662bdef47ad0b5fb
  normal 100 bfloat16 0 1 s = e7cf854df321c7ec
  seed 72
  normal 100 bfloat16 0.5 3 = 744ad39d9f3f48a4
  normal 3 bfloat16 0.5 3 = e5520d0dde882678
  normal 100 bfloat16 0.5 3 s = 380c55df1eef49d2
  seed 73
  exponential 100 bfloat16 1.7 = e4c46346c29475dc
  cauchy 100 bfloat16 0.2 1.7 = c485c028d3c7afc0
  log_normal 100 bfloat16 0.2 0.7 = 8d4550e292c01630
  bernp 100 bfloat16 = a2325932e22d862d
  poisson 100 bfloat16 5 = 1d17d013020665c5
  poisson 100 bfloat16 40 = 8d0e98c029b45e99
  multi 100 bfloat16 1 4 0 = b39632d5eb1080a1
  multi 100 bfloat16 1 4 1 = 8eb685a511c380e4
  multi 100 bfloat16 3 4 0 = 4d5a2be5978696b6
  multi 100 bfloat16 3 4 1 = 1767860fbe40d128
  geometric 100 float32 0.3 = fec10c0554bbd5ea
  geometric 100 float64 0.3 = 6371620505cfdb17
  geometric 100 float16 0.3 = d87e6ddfe1b84e16
  geometric 100 bfloat16 0.3 = b94063f227a307bb
  geometric 100 int64 0.3 = 03d8b61174a2e767
  geometric 100 int32 0.3 = 5216ebabf1df6fc2
  geometric 100 uint8 0.3 = 09b64e2fa2ad98bd
  geometric 100 int16 0.3 = 2b717f574b486e5e
  geometric 100 int8 0.3 = 812fb51e26bc02e3
  bernoulli 100 float32 0.3 = 4824f2896e3c9ab8
  random 100 float32 = e575fd4aff811fe5
  range 100 float32 0 2 = 866be66cc61700b8
  range 100 float32 3 100 = 58de2f7f8dcd80d7
  range 100 float32 5 = 365654a5e26dee26
  bernoulli 100 float64 0.3 = 9ad480c032ebdc05
  random 100 float64 = a060074fed764a67
  range 100 float64 0 2 = 7b46da50e8a44098
  range 100 float64 3 100 = e8bfdb2d83a8f667
  range 100 float64 5 = 319edc7f066c5d4b
  bernoulli 100 float16 0.3 = df4cac86debdbb31
  random 100 float16 = 9f4ab72afe87bb63
  range 100 float16 0 2 = 5ae012dc45eec1d1
  range 100 float16 3 100 = 3e42dd46cf77ea60
  range 100 float16 5 = 543ad2e3c80196cb
  bernoulli 100 bfloat16 0.3 = 032c871a22ec22d5
  random 100 bfloat16 = a18ad8ef6c1f5fe4
  range 100 bfloat16 0 2 = dd4b43b3db100150
  range 100 bfloat16 3 100 = 0ccf1f82719282bd
  range 100 bfloat16 5 = d9ceeea0f28d9515
  bernoulli 100 int64 0.3 = 0203d1f7161157e4
  random 100 int64 = 759abcf417072132
  range 100 int64 0 2 = 287ef165746e13a5
  range 100 int64 3 100 = fe1bfd9568cb3a1f
  range 100 int64 5 = 7c51b9df2260c3af
  bernoulli 100 int32 0.3 = f2110bfc3cc8e685
  random 100 int32 = b98a8806a18fde47
  range 100 int32 0 2 = f5ec97fa6893b905
  range 100 int32 3 100 = eaaa71e29ed6c5e8
  range 100 int32 5 = 3a477f9b10690ee9
  bernoulli 100 uint8 0.3 = 3c8599590c36aca7
  random 100 uint8 = 04ee6d7e5933ac51
  range 100 uint8 0 2 = 13a7a9f1c9cd2c96
  range 100 uint8 3 100 = 2b44b5fc12bdf605
  range 100 uint8 5 = 2fe16ea44abedcdd
  bernoulli 100 bool 0.3 = 334894124ec592ed
  random 100 bool = 4bd8b21ee7357fe3
  range 100 bool 0 2 = 66dbe7a44a71a9ec
  bernoulli 100 int16 0.3 = b705a192fe43fb6d
  random 100 int16 = e9d479d5e6217935
  range 100 int16 0 2 = d0149592b9626f2c
  range 100 int16 3 100 = 9f8a06ab42055951
  range 100 int16 5 = 91544f66ff5d214a
  bernoulli 100 int8 0.3 = 8d4ab4f9168298b8
  random 100 int8 = 0c8bc5ae9a9afe60
  range 100 int8 0 2 = d0d7e4e545b51fad
  range 100 int8 3 100 = 3c22500eec217c7e
  range 100 int8 5 = e16a012851a80e5a
  range 100 int64 -1073741824 1073754169 = 527b3b4a317b75b6
  range 100 int64 -134217727 67108864 = 24f92afdc5fa4e7f
  randperm 100 int64 = a57bdffcc8a7a165
  range 100 float32 -1073741824 1073754169 = 71f877d3bb7db48b
  range 100 float32 -134217727 67108864 = 6ebeaedc5096bab4
  randperm 100 float32 = 61d6d45c0aa61a5c
  range 100 float64 -1073741824 1073754169 = 2ca75438e90c0dee
  range 100 float64 -134217727 67108864 = 18c63b2f8e4391ab
  randperm 100 float64 = 04ed36c44c256ff0
  range 100 int32 -134217727 67108864 = 07d2603f4d68fd74
  randperm 100 int32 = c5e306105446c965
  range 100 float16 -2047 2047 = 7dad8138f375e9ab
  range 100 float16 257 2000 = fbc18fcb8afa1ad2
  range 100 float16 1001 2047 = 7b9643f48636029d
  range 100 bfloat16 -2047 2047 = bab6eab24f33441f
  range 100 bfloat16 257 2000 = 42df655c37116449
  range 100 bfloat16 1001 2047 = 91ae1b6af77e379e
  range 100 float32 -2047 2047 = de41ca0211ed5431
  range 100 float32 257 2000 = b50eb0e5377d69e9
  range 100 float32 1001 2047 = bb2e65eb3fa9950c
  range 100 int64 -9223372036854775808 = ffe838f5caa09831
  state 0 float32 = bb2f815acde6bb25
  normal 1 float32 0 1 = b428bbc04f3ad896
  state 0 float32 = 0c7c71a0ebc23958
  seed 1099511627853
  state 0 float32 = e1df731757a48118
  """
