// Made by Tests/Fixtures/scripts/make_bert_tables.py from tokenizers 0.23.3. Do not edit.

/// Code points BERT's normaliser and pre-tokenizer treat apart, as hexadecimal ranges.
enum BertTables {
    /// Cleaning takes them away.
    static let removed = """
        0-8 b-c e-1f 7f-9f ad 600-605 61c 6dd 70f 180e 200b-200f 202a-202e 2060-2064 2066-206f e000-f8ff
        feff fff9-fffb fffd 110bd 1bca0-1bca3 1d173-1d17a e0001 e0020-e007f f0000-ffffd 100000-10fffd
        """

    /// Cleaning makes them spaces.
    static let spaces = """
        9-a d 20 a0 1680 2000-200a 2028-2029 202f 205f 3000
        """

    /// They get a space on either side.
    static let ideographs = """
        3400-4dbf 4e00-9fff f900-faff 20000-2a6df 2a700-2b81f 2b920-2ceaf 2f800-2fa1f
        """

    /// Stripping accents takes them away.
    static let nonspacingMarks = """
        300-33f 342 345-36f 483-487 591-5bd 5bf 5c1-5c2 5c4-5c5 5c7 610-61a 64b-65f 670 6d6-6dc 6df-6e4
        6e7-6e8 6ea-6ed 711 730-74a 7a6-7b0 7eb-7f3 816-819 81b-823 825-827 829-82d 859-85b 8e3-902 93a
        93c 941-948 94d 951-957 962-963 981 9bc 9c1-9c4 9cd 9e2-9e3 a01-a02 a3c a41-a42 a47-a48 a4b-a4d
        a51 a70-a71 a75 a81-a82 abc ac1-ac5 ac7-ac8 acd ae2-ae3 b01 b3c b3f b41-b44 b4d b56 b62-b63 b82
        bc0 bcd c00 c3e-c40 c46-c47 c4a-c4d c55-c56 c62-c63 c81 cbc cbf cc6 ccc-ccd ce2-ce3 d01 d41-d44
        d4d d62-d63 dca dd2-dd4 dd6 e31 e34-e3a e47-e4e eb1 eb4-eb9 ebb-ebc ec8-ecd f18-f19 f35 f37 f39
        f71-f72 f74 f77 f79-f7e f80 f82-f84 f86-f87 f8d-f92 f94-f97 f99-f9c f9e-fa1 fa3-fa6 fa8-fab
        fad-fb8 fba-fbc fc6 102d-1030 1032-1037 1039-103a 103d-103e 1058-1059 105e-1060 1071-1074 1082
        1085-1086 108d 109d 135d-135f 1712-1714 1732-1734 1752-1753 1772-1773 17b4-17b5 17b7-17bd 17c6
        17c9-17d3 17dd 180b-180d 18a9 1920-1922 1927-1928 1932 1939-193b 1a17-1a18 1a1b 1a56 1a58-1a5e
        1a60 1a62 1a65-1a6c 1a73-1a7c 1a7f 1ab0-1abd 1b00-1b03 1b34 1b36-1b3a 1b3c 1b42 1b6b-1b73
        1b80-1b81 1ba2-1ba5 1ba8-1ba9 1bab-1bad 1be6 1be8-1be9 1bed 1bef-1bf1 1c2c-1c33 1c36-1c37
        1cd0-1cd2 1cd4-1ce0 1ce2-1ce8 1ced 1cf4 1cf8-1cf9 1dc0-1df5 1dfc-1dff 20d0-20dc 20e1 20e5-20f0
        2cef-2cf1 2d7f 2de0-2dff 302a-302d 3099-309a a66f a674-a67d a69e-a69f a6f0-a6f1 a802 a806 a80b
        a825-a826 a8c4 a8e0-a8f1 a926-a92d a947-a951 a980-a982 a9b3 a9b6-a9b9 a9bc a9e5 aa29-aa2e
        aa31-aa32 aa35-aa36 aa43 aa4c aa7c aab0 aab2-aab4 aab7-aab8 aabe-aabf aac1 aaec-aaed aaf6 abe5
        abe8 abed fb1e fe00-fe0f fe20-fe2f 101fd 102e0 10376-1037a 10a01-10a03 10a05-10a06 10a0c-10a0f
        10a38-10a3a 10a3f 10ae5-10ae6 11001 11038-11046 1107f-11081 110b3-110b6 110b9-110ba 11100-11102
        11127-1112b 1112d 11130-11134 11173 11180-11181 111b6-111be 111ca-111cc 1122f-11231 11234
        11236-11237 112df 112e3-112ea 11300-11301 1133c 11340 11366-1136c 11370-11374 114b3-114b8 114ba
        114bf-114c0 114c2-114c3 115b2-115b5 115bc-115bd 115bf-115c0 115dc-115dd 11633-1163a 1163d
        1163f-11640 116ab 116ad 116b0-116b5 116b7 1171d-1171f 11722-11725 11727-1172b 16af0-16af4
        16b30-16b36 16f8f-16f92 1bc9d-1bc9e 1d167-1d169 1d17b-1d182 1d185-1d18b 1d1aa-1d1ad 1d242-1d244
        1da00-1da36 1da3b-1da6c 1da75 1da84 1da9b-1da9f 1daa1-1daaf 1e8d0-1e8d6 e0100-e01ef
        """

    /// Words end at them.
    static let whitespace = """
        9-d 20 85 a0 1680 2000-200a 2028-2029 202f 205f 3000
        """

    /// They are words of their own.
    static let punctuation = """
        21-2f 3a-40 5b-60 7b-7e a1 a7 ab b6-b7 bb bf 37e 387 55a-55f 589-58a 5be 5c0 5c3 5c6 5f3-5f4
        609-60a 60c-60d 61b 61e-61f 66a-66d 6d4 700-70d 7f7-7f9 830-83e 85e 964-965 970 af0 df4 e4f
        e5a-e5b f04-f12 f14 f3a-f3d f85 fd0-fd4 fd9-fda 104a-104f 10fb 1360-1368 1400 166d-166e 169b-169c
        16eb-16ed 1735-1736 17d4-17d6 17d8-17da 1800-180a 1944-1945 1a1e-1a1f 1aa0-1aa6 1aa8-1aad
        1b5a-1b60 1bfc-1bff 1c3b-1c3f 1c7e-1c7f 1cc0-1cc7 1cd3 2010-2027 2030-2043 2045-2051 2053-205e
        207d-207e 208d-208e 2308-230b 2329-232a 2768-2775 27c5-27c6 27e6-27ef 2983-2998 29d8-29db
        29fc-29fd 2cf9-2cfc 2cfe-2cff 2d70 2e00-2e2e 2e30-2e42 3001-3003 3008-3011 3014-301f 3030 303d
        30a0 30fb a4fe-a4ff a60d-a60f a673 a67e a6f2-a6f7 a874-a877 a8ce-a8cf a8f8-a8fa a8fc a92e-a92f
        a95f a9c1-a9cd a9de-a9df aa5c-aa5f aade-aadf aaf0-aaf1 abeb fd3e-fd3f fe10-fe19 fe30-fe52
        fe54-fe61 fe63 fe68 fe6a-fe6b ff01-ff03 ff05-ff0a ff0c-ff0f ff1a-ff1b ff1f-ff20 ff3b-ff3d ff3f
        ff5b ff5d ff5f-ff65 10100-10102 1039f 103d0 1056f 10857 1091f 1093f 10a50-10a58 10a7f 10af0-10af6
        10b39-10b3f 10b99-10b9c 11047-1104d 110bb-110bc 110be-110c1 11140-11143 11174-11175 111c5-111c9
        111cd 111db 111dd-111df 11238-1123d 112a9 114c6 115c1-115d7 11641-11643 1173c-1173e 12470-12474
        16a6e-16a6f 16af5 16b37-16b3b 16b44 1bc9f 1da87-1da8b
        """

    /// First code point, last, and the distance in decimal to their small letters.
    static let lowercase = """
        41-5a:32 c0-d6:32 d8-de:32 100-100:1 102-102:1 104-104:1 106-106:1 108-108:1 10a-10a:1 10c-10c:1
        10e-10e:1 110-110:1 112-112:1 114-114:1 116-116:1 118-118:1 11a-11a:1 11c-11c:1 11e-11e:1
        120-120:1 122-122:1 124-124:1 126-126:1 128-128:1 12a-12a:1 12c-12c:1 12e-12e:1 132-132:1
        134-134:1 136-136:1 139-139:1 13b-13b:1 13d-13d:1 13f-13f:1 141-141:1 143-143:1 145-145:1
        147-147:1 14a-14a:1 14c-14c:1 14e-14e:1 150-150:1 152-152:1 154-154:1 156-156:1 158-158:1
        15a-15a:1 15c-15c:1 15e-15e:1 160-160:1 162-162:1 164-164:1 166-166:1 168-168:1 16a-16a:1
        16c-16c:1 16e-16e:1 170-170:1 172-172:1 174-174:1 176-176:1 178-178:-121 179-179:1 17b-17b:1
        17d-17d:1 181-181:210 182-182:1 184-184:1 186-186:206 187-187:1 189-18a:205 18b-18b:1 18e-18e:79
        18f-18f:202 190-190:203 191-191:1 193-193:205 194-194:207 196-196:211 197-197:209 198-198:1
        19c-19c:211 19d-19d:213 19f-19f:214 1a0-1a0:1 1a2-1a2:1 1a4-1a4:1 1a6-1a6:218 1a7-1a7:1
        1a9-1a9:218 1ac-1ac:1 1ae-1ae:218 1af-1af:1 1b1-1b2:217 1b3-1b3:1 1b5-1b5:1 1b7-1b7:219 1b8-1b8:1
        1bc-1bc:1 1c4-1c4:2 1c5-1c5:1 1c7-1c7:2 1c8-1c8:1 1ca-1ca:2 1cb-1cb:1 1cd-1cd:1 1cf-1cf:1
        1d1-1d1:1 1d3-1d3:1 1d5-1d5:1 1d7-1d7:1 1d9-1d9:1 1db-1db:1 1de-1de:1 1e0-1e0:1 1e2-1e2:1
        1e4-1e4:1 1e6-1e6:1 1e8-1e8:1 1ea-1ea:1 1ec-1ec:1 1ee-1ee:1 1f1-1f1:2 1f2-1f2:1 1f4-1f4:1
        1f6-1f6:-97 1f7-1f7:-56 1f8-1f8:1 1fa-1fa:1 1fc-1fc:1 1fe-1fe:1 200-200:1 202-202:1 204-204:1
        206-206:1 208-208:1 20a-20a:1 20c-20c:1 20e-20e:1 210-210:1 212-212:1 214-214:1 216-216:1
        218-218:1 21a-21a:1 21c-21c:1 21e-21e:1 220-220:-130 222-222:1 224-224:1 226-226:1 228-228:1
        22a-22a:1 22c-22c:1 22e-22e:1 230-230:1 232-232:1 23a-23a:10795 23b-23b:1 23d-23d:-163
        23e-23e:10792 241-241:1 243-243:-195 244-244:69 245-245:71 246-246:1 248-248:1 24a-24a:1 24c-24c:1
        24e-24e:1 370-370:1 372-372:1 376-376:1 37f-37f:116 386-386:38 388-38a:37 38c-38c:64 38e-38f:63
        391-3a1:32 3a3-3ab:32 3cf-3cf:8 3d8-3d8:1 3da-3da:1 3dc-3dc:1 3de-3de:1 3e0-3e0:1 3e2-3e2:1
        3e4-3e4:1 3e6-3e6:1 3e8-3e8:1 3ea-3ea:1 3ec-3ec:1 3ee-3ee:1 3f4-3f4:-60 3f7-3f7:1 3f9-3f9:-7
        3fa-3fa:1 3fd-3ff:-130 400-40f:80 410-42f:32 460-460:1 462-462:1 464-464:1 466-466:1 468-468:1
        46a-46a:1 46c-46c:1 46e-46e:1 470-470:1 472-472:1 474-474:1 476-476:1 478-478:1 47a-47a:1
        47c-47c:1 47e-47e:1 480-480:1 48a-48a:1 48c-48c:1 48e-48e:1 490-490:1 492-492:1 494-494:1
        496-496:1 498-498:1 49a-49a:1 49c-49c:1 49e-49e:1 4a0-4a0:1 4a2-4a2:1 4a4-4a4:1 4a6-4a6:1
        4a8-4a8:1 4aa-4aa:1 4ac-4ac:1 4ae-4ae:1 4b0-4b0:1 4b2-4b2:1 4b4-4b4:1 4b6-4b6:1 4b8-4b8:1
        4ba-4ba:1 4bc-4bc:1 4be-4be:1 4c0-4c0:15 4c1-4c1:1 4c3-4c3:1 4c5-4c5:1 4c7-4c7:1 4c9-4c9:1
        4cb-4cb:1 4cd-4cd:1 4d0-4d0:1 4d2-4d2:1 4d4-4d4:1 4d6-4d6:1 4d8-4d8:1 4da-4da:1 4dc-4dc:1
        4de-4de:1 4e0-4e0:1 4e2-4e2:1 4e4-4e4:1 4e6-4e6:1 4e8-4e8:1 4ea-4ea:1 4ec-4ec:1 4ee-4ee:1
        4f0-4f0:1 4f2-4f2:1 4f4-4f4:1 4f6-4f6:1 4f8-4f8:1 4fa-4fa:1 4fc-4fc:1 4fe-4fe:1 500-500:1
        502-502:1 504-504:1 506-506:1 508-508:1 50a-50a:1 50c-50c:1 50e-50e:1 510-510:1 512-512:1
        514-514:1 516-516:1 518-518:1 51a-51a:1 51c-51c:1 51e-51e:1 520-520:1 522-522:1 524-524:1
        526-526:1 528-528:1 52a-52a:1 52c-52c:1 52e-52e:1 531-556:48 10a0-10c5:7264 10c7-10c7:7264
        10cd-10cd:7264 13a0-13ef:38864 13f0-13f5:8 1c89-1c89:1 1c90-1cba:-3008 1cbd-1cbf:-3008 1e00-1e00:1
        1e02-1e02:1 1e04-1e04:1 1e06-1e06:1 1e08-1e08:1 1e0a-1e0a:1 1e0c-1e0c:1 1e0e-1e0e:1 1e10-1e10:1
        1e12-1e12:1 1e14-1e14:1 1e16-1e16:1 1e18-1e18:1 1e1a-1e1a:1 1e1c-1e1c:1 1e1e-1e1e:1 1e20-1e20:1
        1e22-1e22:1 1e24-1e24:1 1e26-1e26:1 1e28-1e28:1 1e2a-1e2a:1 1e2c-1e2c:1 1e2e-1e2e:1 1e30-1e30:1
        1e32-1e32:1 1e34-1e34:1 1e36-1e36:1 1e38-1e38:1 1e3a-1e3a:1 1e3c-1e3c:1 1e3e-1e3e:1 1e40-1e40:1
        1e42-1e42:1 1e44-1e44:1 1e46-1e46:1 1e48-1e48:1 1e4a-1e4a:1 1e4c-1e4c:1 1e4e-1e4e:1 1e50-1e50:1
        1e52-1e52:1 1e54-1e54:1 1e56-1e56:1 1e58-1e58:1 1e5a-1e5a:1 1e5c-1e5c:1 1e5e-1e5e:1 1e60-1e60:1
        1e62-1e62:1 1e64-1e64:1 1e66-1e66:1 1e68-1e68:1 1e6a-1e6a:1 1e6c-1e6c:1 1e6e-1e6e:1 1e70-1e70:1
        1e72-1e72:1 1e74-1e74:1 1e76-1e76:1 1e78-1e78:1 1e7a-1e7a:1 1e7c-1e7c:1 1e7e-1e7e:1 1e80-1e80:1
        1e82-1e82:1 1e84-1e84:1 1e86-1e86:1 1e88-1e88:1 1e8a-1e8a:1 1e8c-1e8c:1 1e8e-1e8e:1 1e90-1e90:1
        1e92-1e92:1 1e94-1e94:1 1e9e-1e9e:-7615 1ea0-1ea0:1 1ea2-1ea2:1 1ea4-1ea4:1 1ea6-1ea6:1
        1ea8-1ea8:1 1eaa-1eaa:1 1eac-1eac:1 1eae-1eae:1 1eb0-1eb0:1 1eb2-1eb2:1 1eb4-1eb4:1 1eb6-1eb6:1
        1eb8-1eb8:1 1eba-1eba:1 1ebc-1ebc:1 1ebe-1ebe:1 1ec0-1ec0:1 1ec2-1ec2:1 1ec4-1ec4:1 1ec6-1ec6:1
        1ec8-1ec8:1 1eca-1eca:1 1ecc-1ecc:1 1ece-1ece:1 1ed0-1ed0:1 1ed2-1ed2:1 1ed4-1ed4:1 1ed6-1ed6:1
        1ed8-1ed8:1 1eda-1eda:1 1edc-1edc:1 1ede-1ede:1 1ee0-1ee0:1 1ee2-1ee2:1 1ee4-1ee4:1 1ee6-1ee6:1
        1ee8-1ee8:1 1eea-1eea:1 1eec-1eec:1 1eee-1eee:1 1ef0-1ef0:1 1ef2-1ef2:1 1ef4-1ef4:1 1ef6-1ef6:1
        1ef8-1ef8:1 1efa-1efa:1 1efc-1efc:1 1efe-1efe:1 1f08-1f0f:-8 1f18-1f1d:-8 1f28-1f2f:-8
        1f38-1f3f:-8 1f48-1f4d:-8 1f59-1f59:-8 1f5b-1f5b:-8 1f5d-1f5d:-8 1f5f-1f5f:-8 1f68-1f6f:-8
        1f88-1f8f:-8 1f98-1f9f:-8 1fa8-1faf:-8 1fb8-1fb9:-8 1fba-1fbb:-74 1fbc-1fbc:-9 1fc8-1fcb:-86
        1fcc-1fcc:-9 1fd8-1fd9:-8 1fda-1fdb:-100 1fe8-1fe9:-8 1fea-1feb:-112 1fec-1fec:-7 1ff8-1ff9:-128
        1ffa-1ffb:-126 1ffc-1ffc:-9 2126-2126:-7517 212a-212a:-8383 212b-212b:-8262 2132-2132:28
        2160-216f:16 2183-2183:1 24b6-24cf:26 2c00-2c2f:48 2c60-2c60:1 2c62-2c62:-10743 2c63-2c63:-3814
        2c64-2c64:-10727 2c67-2c67:1 2c69-2c69:1 2c6b-2c6b:1 2c6d-2c6d:-10780 2c6e-2c6e:-10749
        2c6f-2c6f:-10783 2c70-2c70:-10782 2c72-2c72:1 2c75-2c75:1 2c7e-2c7f:-10815 2c80-2c80:1 2c82-2c82:1
        2c84-2c84:1 2c86-2c86:1 2c88-2c88:1 2c8a-2c8a:1 2c8c-2c8c:1 2c8e-2c8e:1 2c90-2c90:1 2c92-2c92:1
        2c94-2c94:1 2c96-2c96:1 2c98-2c98:1 2c9a-2c9a:1 2c9c-2c9c:1 2c9e-2c9e:1 2ca0-2ca0:1 2ca2-2ca2:1
        2ca4-2ca4:1 2ca6-2ca6:1 2ca8-2ca8:1 2caa-2caa:1 2cac-2cac:1 2cae-2cae:1 2cb0-2cb0:1 2cb2-2cb2:1
        2cb4-2cb4:1 2cb6-2cb6:1 2cb8-2cb8:1 2cba-2cba:1 2cbc-2cbc:1 2cbe-2cbe:1 2cc0-2cc0:1 2cc2-2cc2:1
        2cc4-2cc4:1 2cc6-2cc6:1 2cc8-2cc8:1 2cca-2cca:1 2ccc-2ccc:1 2cce-2cce:1 2cd0-2cd0:1 2cd2-2cd2:1
        2cd4-2cd4:1 2cd6-2cd6:1 2cd8-2cd8:1 2cda-2cda:1 2cdc-2cdc:1 2cde-2cde:1 2ce0-2ce0:1 2ce2-2ce2:1
        2ceb-2ceb:1 2ced-2ced:1 2cf2-2cf2:1 a640-a640:1 a642-a642:1 a644-a644:1 a646-a646:1 a648-a648:1
        a64a-a64a:1 a64c-a64c:1 a64e-a64e:1 a650-a650:1 a652-a652:1 a654-a654:1 a656-a656:1 a658-a658:1
        a65a-a65a:1 a65c-a65c:1 a65e-a65e:1 a660-a660:1 a662-a662:1 a664-a664:1 a666-a666:1 a668-a668:1
        a66a-a66a:1 a66c-a66c:1 a680-a680:1 a682-a682:1 a684-a684:1 a686-a686:1 a688-a688:1 a68a-a68a:1
        a68c-a68c:1 a68e-a68e:1 a690-a690:1 a692-a692:1 a694-a694:1 a696-a696:1 a698-a698:1 a69a-a69a:1
        a722-a722:1 a724-a724:1 a726-a726:1 a728-a728:1 a72a-a72a:1 a72c-a72c:1 a72e-a72e:1 a732-a732:1
        a734-a734:1 a736-a736:1 a738-a738:1 a73a-a73a:1 a73c-a73c:1 a73e-a73e:1 a740-a740:1 a742-a742:1
        a744-a744:1 a746-a746:1 a748-a748:1 a74a-a74a:1 a74c-a74c:1 a74e-a74e:1 a750-a750:1 a752-a752:1
        a754-a754:1 a756-a756:1 a758-a758:1 a75a-a75a:1 a75c-a75c:1 a75e-a75e:1 a760-a760:1 a762-a762:1
        a764-a764:1 a766-a766:1 a768-a768:1 a76a-a76a:1 a76c-a76c:1 a76e-a76e:1 a779-a779:1 a77b-a77b:1
        a77d-a77d:-35332 a77e-a77e:1 a780-a780:1 a782-a782:1 a784-a784:1 a786-a786:1 a78b-a78b:1
        a78d-a78d:-42280 a790-a790:1 a792-a792:1 a796-a796:1 a798-a798:1 a79a-a79a:1 a79c-a79c:1
        a79e-a79e:1 a7a0-a7a0:1 a7a2-a7a2:1 a7a4-a7a4:1 a7a6-a7a6:1 a7a8-a7a8:1 a7aa-a7aa:-42308
        a7ab-a7ab:-42319 a7ac-a7ac:-42315 a7ad-a7ad:-42305 a7ae-a7ae:-42308 a7b0-a7b0:-42258
        a7b1-a7b1:-42282 a7b2-a7b2:-42261 a7b3-a7b3:928 a7b4-a7b4:1 a7b6-a7b6:1 a7b8-a7b8:1 a7ba-a7ba:1
        a7bc-a7bc:1 a7be-a7be:1 a7c0-a7c0:1 a7c2-a7c2:1 a7c4-a7c4:-48 a7c5-a7c5:-42307 a7c6-a7c6:-35384
        a7c7-a7c7:1 a7c9-a7c9:1 a7cb-a7cb:-42343 a7cc-a7cc:1 a7ce-a7ce:1 a7d0-a7d0:1 a7d2-a7d2:1
        a7d4-a7d4:1 a7d6-a7d6:1 a7d8-a7d8:1 a7da-a7da:1 a7dc-a7dc:-42561 a7f5-a7f5:1 ff21-ff3a:32
        10400-10427:40 104b0-104d3:40 10570-1057a:39 1057c-1058a:39 1058c-10592:39 10594-10595:39
        10c80-10cb2:64 10d50-10d65:32 118a0-118bf:32 16e40-16e5f:32 16ea0-16eb8:27 1e900-1e921:34
        """

    /// Code points whose small letter is several.
    static let lowercaseSequences = """
        130=69+307
        """
}
