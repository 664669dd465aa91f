// Generated: which characters look like which, from Unicode's confusables.txt, as far as it leads to Latin letters, digits and ASCII.
//
// Source: confusables.txt of Unicode 18.0.0 (https://www.unicode.org/Public/security/), as carried by the crate unicode-security 0.1.3.
// Kept: characters of Latin, Greek, Cyrillic, Armenian, Coptic, Cherokee, Lisu, Canadian syllabics, Deseret, Osage, Gothic, Old Italic, Runic,
// Tifinagh, Carian, Lycian, Lydian, Elbasan, Vai, Bamum, Miao, Warang Citi and Medefaidrin, and symbols that belong to no script (Script_Extensions
// is Common alone); whose look-alike, without its marks, is ASCII or a Latin or Greek letter that skeleton.ts reads as a Latin one.
// Left out: marks, spaces, digits of other scripts, the capital sharp s, and what compatibility decomposition takes care of.
//
// UNICODE LICENSE V3
//
// COPYRIGHT AND PERMISSION NOTICE
//
// Copyright © 1991-2026 Unicode, Inc.
//
// NOTICE TO USER: Carefully read the following legal agreement. BY DOWNLOADING, INSTALLING, COPYING OR OTHERWISE USING DATA FILES,
// AND/OR SOFTWARE, YOU UNEQUIVOCALLY ACCEPT, AND AGREE TO BE BOUND BY, ALL OF THE TERMS AND CONDITIONS OF THIS AGREEMENT. IF YOU DO NOT
// AGREE, DO NOT DOWNLOAD, INSTALL, COPY, DISTRIBUTE OR USE THE DATA FILES OR SOFTWARE.
//
// Permission is hereby granted, free of charge, to any person obtaining a copy of data files and any associated documentation (the "Data
// Files") or software and any associated documentation (the "Software") to deal in the Data Files or Software without restriction,
// including without limitation the rights to use, copy, modify, merge, publish, distribute, and/or sell copies of the Data Files or
// Software, and to permit persons to whom the Data Files or Software are furnished to do so, provided that either (a) this copyright and
// permission notice appear with all copies of the Data Files or Software, or (b) this copyright and permission notice appear in
// associated Documentation.
//
// THE DATA FILES AND SOFTWARE ARE PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
// WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT OF THIRD PARTY RIGHTS.
//
// IN NO EVENT SHALL THE COPYRIGHT HOLDER OR HOLDERS INCLUDED IN THIS NOTICE BE LIABLE FOR ANY CLAIM, OR ANY SPECIAL INDIRECT OR
// CONSEQUENTIAL DAMAGES, OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT,
// NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THE DATA FILES OR SOFTWARE.
//
// Except as contained in this notice, the name of a copyright holder shall not be used in advertising or otherwise to promote the sale,
// use or other dealings in these Data Files or Software without prior written authorization of the copyright holder.

/** The version of Unicode whose confusables are used. */
export const confusablesUnicodeVersion = "18.0.0";

/** Rows of `character=look-alike`, parted by white space; code points in hexadecimal, those of one look-alike joined with full stops. */
export const confusableRows = `
22=27.27 30=4f 31=6c 49=6c 60=27 6d=72.6e 7c=6c a1=69 a2=63 a5=59 c6=41.45 d0=44 d7=78 d8=4f e6=61.65 f8=6f fe=70 110=44 111=64 126=48
127=68 131=69 141=4c 142=6c 14b=6e 152=4f.45 153=6f.65 166=54 167=74 180=62 181=27.42 182=62 183=62 184=62 187=43.27 189=44 18a=27.44
18b=64 18c=64 18d=67 191=46 192=66 193=47.27 196=6c 197=6c 198=4b.27 199=6b 19a=6c 19d=4e 19e=6e 19f=4f 1a4=27.50 1a5=70 1a6=52 1a7=32
1ab=74 1ac=27.54 1ad=74 1ae=54 1b3=27.59 1b4=79 1b5=5a 1b6=7a 1b7=33 1bb=32 1bc=35 1bd=73 1bf=70 1c0=6c 1c1=6c.6c 1c3=21 1e4=47 1e5=67
21c=33 222=38 223=38 224=5a 225=7a 237=6a 23c=63 23e=54 241=3f 244=55 246=45 247=65 248=4a 249=6a 24c=52 24d=72 24e=59 24f=79 251=61
253=62 256=64 257=64 259=1dd 25b=a793 25f=6a 260=67 261=67 263=79 266=68 268=69 269=69 26a=69 26b=6c 26d=6c 26e=6c.21d 26f=77
271=72.6e 272=6e 273=6e 275=6f 276=6f.1d07 27c=72 27d=72 282=73 284=66 28b=75 28f=79 290=7a 292=21d 294=3f 2a0=71 2a3=64.7a 2a4=64.21d
2a6=74.73 2a9=66.6e 2aa=6c.73 2ab=6c.7a 2b9=27 2ba=27.27 2bb=27 2bd=27 2be=27 2c2=3c 2c3=3e 2c4=5e 2c6=5e 2c8=27 2d0=3a 2ee=27.27
2f4=27 2f6=27.27 2f8=3a 37f=4a 391=41 392=42 395=45 396=5a 397=48 398=4f 399=6c 39a=4b 39c=4d 39d=4e 39f=4f 3a1=50 3a4=54 3a5=59
3a7=58 3b1=61 3b2=df 3b3=79 3b5=a793 3b7=6e 3b8=4f 3b9=69 3ba=138 3bd=76 3bf=6f 3c1=70 3c3=6f 3c4=1d1b 3c5=75 3dc=46 3e8=32 3ec=36
3ed=6f 3f3=6a 3f8=70 3fa=4d 404=a792 405=53 406=6c 408=4a 410=41 411=62 412=42 415=45 417=33 41a=4b 41c=4d 41d=48 41e=4f 420=50 421=43
422=54 423=59 425=58 42b=62.6c 42c=62 42e=6c.4f 430=61 431=36 432=299 433=72 435=65 437=25c 43a=138 43c=28d 43d=29c 43e=6f 43f=3c0
440=70 441=63 442=1d1b 443=79 445=78 448=77 44b=185.69 44c=185 454=a793 455=73 456=69 458=6a 45b=68 45f=75 461=77 462=62 463=62 472=4f
473=6f 474=56 475=76 478=4f.79 479=6f.79 47d=77 48c=62 48d=62 491=72.27 493=72 498=33 499=25c 49a=4b 49b=138 49e=4b 49f=138 4a2=48
4a3=29c 4aa=43 4ab=63 4ac=54 4ad=1d1b 4ae=59 4af=79 4b0=59 4b1=79 4b2=58 4ba=68 4bb=68 4bd=65 4bf=65 4c0=6c 4c7=48 4c8=29c 4c9=48
4ca=29c 4cd=4d 4ce=28d 4cf=6c 4d4=41.45 4d5=61.65 4d8=18f 4d9=1dd 4e0=33 4e1=21d 4e8=4f 4e9=6f 501=64 50c=47 50d=262 510=190 511=a793
51a=51 51b=71 51c=57 51d=77 545=33 54d=55 54f=53 555=4f 55a=27 55b=27 55d=27 560=72.6e 561=77 563=71 566=71 570=68 572=6e 575=6a
578=6e 57c=6e 57d=75 581=67 582=69 584=66 585=6f 586=24 13a0=44 13a1=52 13a2=54 13a4=4f 13a5=69 13a9=59 13aa=41 13ab=4a 13ac=45
13ae=3f 13b3=57 13b7=4d 13bb=48 13bd=59 13be=4f 13bf=74 13c0=47 13c2=68 13c3=5a 13cb=190 13cc=55 13ce=34 13cf=62 13d2=52 13d4=57
13d5=53 13d9=56 13da=53 13de=4c 13df=43 13e2=50 13e6=4b 13e7=64 13eb=4f 13ee=36 13f0=df 13f2=68 13f3=47 13f4=42 13fb=262 13fc=299
1400=3d 1429=2b 142f=56 1433=3e 1438=3c 144a=27 144c=55 1467=55.27 146d=50 146f=64 1472=62 1473=62 1486=50.27 1487=64.27 1488=62.27
148d=4a 14aa=4c 14bf=32 1540=2b 1541=78 156f=2a.2a 157c=48 157d=78 1587=52 15af=62 15b4=46 15c5=41 15de=44 15ea=44 15f0=4d 15f7=42
1616=32 166d=58 166e=78 16b2=3c 16b7=58 16c1=6c 16c5=6c 16cc=27 16d0=6c 16d5=4b 16d6=4d 16ec=3a 16ed=2b 18d4=5e 1c82=6f 1c83=63
1c84=37 1d04=63 1d08=25c 1d0b=138 1d0d=28d 1d0f=6f 1d11=6f 1d14=1dd.6f 1d1c=75 1d20=76 1d21=77 1d22=7a 1d26=72 1d28=3c0 1d29=1d18
1d6b=75.65 1d6e=66 1d6f=72.6e 1d70=6e 1d72=72 1d74=73 1d75=74 1d76=7a 1d7b=69 1d7c=69 1d7d=70 1d7e=75 1d83=67 1d8c=79 1e9d=66
1efa=6c.4c 1eff=79 2010=2d 2012=2d 2013=2d 2016=6c.6c 2018=27 2019=27 201a=2c 201b=27 201c=27.27 201d=27.27 201f=27.27 2032=27 2035=27
2039=3c 203a=3e 2041=2f 2043=2d 2044=2f 204e=2a 2053=7e 20a1=43 20a5=72.6e 20a9=57 20ab=64 20ac=a792 20ad=4b 20ae=54 20b6=6c.74
212e=65 21bf=6c 2205=4f 2212=2d 2214=2b 2215=2f 2216=5c 2217=2a 221e=6f.6f 2223=6c 2225=6c.6c 2228=76 222a=55 2236=3a 2237=3a.3a
2238=2d 223c=7e 2250=3d 2251=3d 2254=3a.3d 2255=3d.3a 2257=3d 2259=3d 225a=3d 225e=3d 226a=3c.3c 226b=3e.3e 2296=4f 229d=4f 22a4=54
22c1=76 22c3=55 22d8=3c.3c.3c 22d9=3e.3e.3e 22f4=a793 22ff=45 2300=4f 2361=54 2365=4f 2368=7e 236c=4f 2373=69 2374=70 2375=3c9 2376=61
2377=a793 2378=69 2379=3c9 237a=61 23e8=31.30 23fd=6c 244a=5c.5c 2502=6c 2503=6c 2571=2f 2572=5c 2573=58 2768=28 2769=29 276e=3c
276f=3e 2772=28 2773=29 2774=7b 2775=7d 2795=2b 2796=2d 27cb=2f 27cd=5c 27d9=54 292b=78 292c=78 298b=5b 298c=5d 29e2=77 29f5=5c
29f6=2f 29f8=2f 29f9=5c 2a20=3e.3e 2a22=2b 2a23=2b 2a24=2b 2a25=2b 2a26=2b 2a27=2b.32 2a29=2d 2a2a=2d 2a2f=78 2a30=78 2a66=3d 2a6a=7e
2a6e=3d 2aa5=3e.3c 2afb=2f.2f.2f 2afd=2f.2f 2b96=3d 2c67=48 2c69=4b 2c6b=5a 2c6c=7a 2c82=42 2c83=299 2c85=72 2c88=a792 2c89=a793
2c8c=5a 2c8d=7a 2c8e=48 2c8f=29c 2c90=4f 2c91=6f 2c92=6c 2c93=69 2c94=4b 2c95=138 2c98=4d 2c99=28d 2c9a=4e 2c9b=274 2c9c=33 2c9e=4f
2c9f=6f 2ca1=3c0 2ca2=50 2ca3=70 2ca4=43 2ca5=63 2ca6=54 2ca7=1d1b 2ca8=59 2ca9=79 2cac=58 2cad=3c7 2cb1=3c9 2cb2=2d 2cb3=2d 2cba=2d
2cbb=2d 2cbd=77 2cc4=33 2cc5=21d 2cc6=2f 2cc7=2f 2cca=39 2ccb=39 2ccc=33 2ccd=21d 2cce=50 2ccf=70 2cd0=4c 2cd1=29f 2cd2=36 2cd3=36
2cdc=36 2cf9=5c.5c 2cff=27 2d31=4f 2d38=56 2d39=45 2d41=4f 2d4a=6c 2d4f=6c 2d51=21 2d54=4f 2d55=51 2d5d=58 2d66=3c 2e12=2c 2e1a=2d
2e1e=7e 2e1f=7e 2e28=28.28 2e29=29.29 2e2c=3a.3a 2e40=3d a4d0=42 a4d1=50 a4d2=64 a4d3=44 a4d4=54 a4d6=47 a4d7=4b a4d9=4a a4da=43
a4dc=5a a4dd=46 a4df=4d a4e0=4e a4e1=4c a4e2=53 a4e3=52 a4e6=56 a4e7=48 a4ea=57 a4eb=58 a4ec=59 a4ee=41 a4f0=45 a4f2=6c a4f3=4f
a4f4=55 a4f8=2e a4f9=2c a4fa=2e.2e a4fb=2e.2c a4fd=3a a4fe=2d.2e a4ff=3d a50b=54 a516=6c.6c.6c a543=36 a557=42 a56f=6c a576=53 a589=38
a5cb=45 a60c=3d a60e=2e a613=190 a644=32 a647=69 a64d=3c9 a68c=54 a68d=1d1b a695=68 a698=4f.4f a699=6f.6f a6a2=6f a6b2=59 a6c9=5a
a6df=56 a6eb=3f a6ef=32 a728=54.33 a729=74.21d a72a=190 a731=73 a732=41.41 a733=61.61 a734=41.4f a735=61.6f a736=41.55 a737=61.75
a738=41.56 a739=61.76 a73a=41.56 a73b=61.76 a73c=41.59 a73d=61.79 a740=4b a74a=4f a74b=6f a74e=4f.4f a74f=6f.6f a75a=32 a761=77
a76a=33 a76b=21d a76e=39 a76f=39 a777=74.66 a778=26 a781=6c a789=3a a78a=3d a78b=27 a78c=27 a798=46 a799=66 a79f=75 a7ab=33 a7ae=6c
a7b2=4a a7b3=58 a7b4=42 a7b5=df a7b7=3c9 a7c5=53 a7d6=df a7d7=df a7fa=77 a7fe=6c ab32=65 ab35=66 ab3d=6f ab3e=6f ab41=1dd.6f
ab42=1dd.6f ab43=63.6f ab44=63.6f ab47=72 ab48=72 ab4e=75 ab51=72.6e ab52=75 ab53=3c7 ab55=3c7 ab5a=79 ab63=75.6f ab64=61 ab70=1d05
ab71=280 ab72=1d1b ab74=6f ab75=69 ab7a=1d00 ab7b=1d0a ab7c=1d07 ab81=72 ab83=77 ab87=28d ab8b=29c ab8e=6f ab90=262 ab93=7a ab9b=a793
ab9c=75 ab9e=34 ab9f=185 aba2=280 aba4=77 aba9=76 abaa=73 abae=29f abaf=63 abb2=1d18 abb6=138 abbb=6f abbe=36 10140=29 10141=28
1015b=3a 1017e=66 1018b=64 1018e=4e 10190=3d 10191=2d 10196=58 10197=56 10198=6c.6c.53 10199=6c.6c 10282=42 10286=45 10287=46 1028a=6c
10290=58 10292=4f 10295=50 10296=53 10297=54 1029b=2b 102a0=41 102a1=42 102a2=43 102a5=46 102ab=4f 102b0=4d 102b1=54 102b2=59 102b4=58
102cf=48 10301=42 10302=43 10309=6c 1030f=4f 10311=4d 10315=54 10317=58 1031a=38 1031c=62 1031f=2a 10320=6c 10322=58 1032d=3c
10401=190 10404=4f 10415=43 1041b=4c 10420=53 10429=a793 1042c=6f 1043d=63 10443=29f 10448=73 104b4=52 104c2=4f 104ce=55 104d2=37
104ea=6f 104f6=75 10507=5a 1050e=6c 10513=4e 10516=4f 10518=4b 1051b=43 1051d=56 1051e=4f 10525=46 10526=4c 10527=58 10926=6c 1092c=6f
118a0=56 118a2=46 118a3=4c 118a4=59 118a6=45 118a9=5a 118ac=39 118ae=45 118af=34 118b2=4c 118b5=4f 118b8=55 118bb=35 118bc=54 118c0=76
118c1=73 118c2=46 118c3=69 118c4=79 118c6=37 118c8=6f 118ca=33 118cc=39 118ce=a793 118d5=36 118d6=39 118d7=6f 118d8=75 118dc=79
118ec=58 118ef=57 118f2=43 11abc=5a 11abe=4e 16869=2b 1699b=4f 169c1=39 169fe=38 16a19=72 16e80=4f 16e82=34 16e8a=37 16f08=56 16f0a=54
16f16=4c 16f28=6c 16f2d=190 16f35=52 16f3a=53 16f3b=33 16f3f=3e 16f40=41 16f42=55 16f43=59 1d100=6c 1d108=3a 1d114=7b 1d134=63
1d206=33 1d207=62 1d20c=57 1d20d=56 1d20f=5c 1d212=37 1d213=46 1d216=52 1d21a=4f 1d221=190 1d22a=4c 1d236=3c 1d237=3e 1d23a=2f
1d23b=5c 1d373=54 1d377=6c 1ecae=2e 1ed01=6c 1f10f=24 1f16d=63.63 1f16e=43 1f672=26 1f674=26 1f675=26 1f700=51.45 1f707=41.52 1f708=56
1f714=4f 1f74c=43 1f75c=73.73.73 1f768=54 1f76b=4d.42 1f76c=56.42
`;
