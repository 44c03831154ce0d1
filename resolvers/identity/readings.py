"""How everyday names in kanji, hanzi and hangul are read: word, then its usual Latin spellings, the commonest first.

Our own list of common Japanese, Chinese and Korean names. A name that is not here cannot be compared across scripts.
"""

from __future__ import annotations

from collections.abc import Mapping

_TABLE = """
佐藤 sato; 鈴木 suzuki; 高橋 takahashi; 田中 tanaka; 伊藤 ito; 渡辺 watanabe; 渡邊 watanabe; 渡部
watanabe; 山本 yamamoto; 中村 nakamura; 小林 kobayashi; 加藤 kato; 吉田 yoshida; 山田 yamada; 佐々木
sasaki; 山口 yamaguchi; 松本 matsumoto; 井上 inoue; 木村 kimura; 林 hayashi/lin/lim; 斎藤 saito; 斉藤
saito; 齋藤 saito; 清水 shimizu; 山崎 yamazaki/yamasaki; 森 mori; 阿部 abe; 安部 abe; 池田 ikeda; 橋本
hashimoto; 石川 ishikawa; 山下 yamashita; 小川 ogawa; 石井 ishii; 長谷川 hasegawa; 後藤 goto; 岡田
okada; 近藤 kondo; 前田 maeda; 藤田 fujita; 遠藤 endo; 青木 aoki; 坂本 sakamoto; 村上 murakami; 太田
ota; 金子 kaneko; 藤井 fujii; 福田 fukuda; 西村 nishimura; 三浦 miura; 竹内 takeuchi; 中川 nakagawa;
岡本 okamoto; 松田 matsuda; 原田 harada; 中野 nakano; 小野 ono; 田村 tamura; 藤原 fujiwara; 中山
nakayama; 石田 ishida; 小島 kojima; 和田 wada; 森田 morita; 内田 uchida; 柴田 shibata; 酒井 sakai; 原
hara; 高木 takagi; 横山 yokoyama; 安藤 ando; 宮崎 miyazaki; 上田 ueda; 島田 shimada; 工藤 kudo; 大野
ono; 宮本 miyamoto; 杉山 sugiyama; 今井 imai; 丸山 maruyama; 増田 masuda; 高田 takada/takata; 村田
murata; 平野 hirano; 大塚 otsuka; 菅原 sugawara; 武田 takeda; 新井 arai; 小山 koyama/oyama; 野口
noguchi; 桜井 sakurai; 千葉 chiba; 岩崎 iwasaki; 佐野 sano; 谷口 taniguchi; 上野 ueno; 松井 matsui; 河野
kono/kawano; 市川 ichikawa; 野村 nomura; 菊地 kikuchi; 菊池 kikuchi; 木下 kinoshita; 高野 takano; 水野
mizuno; 久保 kubo; 西田 nishida; 松尾 matsuo; 平田 hirata; 北村 kitamura; 岩田 iwata; 大西 onishi; 川崎
kawasaki; 本田 honda; 本間 honma; 中島 nakajima/nakashima; 土屋 tsuchiya; 星野 hoshino; 黒田 kuroda;
望月 mochizuki; 永井 nagai; 大久保 okubo; 早川 hayakawa; 浅野 asano; 吉川 yoshikawa; 小池 koike; 川口
kawaguchi; 矢野 yano; 服部 hattori; 松下 matsushita; 裕子 yuko/hiroko; 恵子 keiko; 遥 haruka; 桜
sakura; さくら sakura; 歩美 ayumi; 美咲 misaki; 直美 naomi; 由美 yumi; 明子 akiko; 恵美 emi/megumi; 真理子
mariko; 千尋 chihiro; 浩 hiroshi; 健二 kenji; 健司 kenji; 隆 takashi; 勇気 yuki; 翔太 shota; 大輔
daisuke; 和樹 kazuki; 亮太 ryota; 誠 makoto; 聡 satoshi; 洋一 yoichi; 純 jun; 陽子 yoko; 洋子 yoko;
智子 tomoko; 久美子 kumiko; 幸子 sachiko; 京子 kyoko; 和子 kazuko; 美穂 miho; 優子 yuko; 由美子 yumiko;
真由美 mayumi; 典子 noriko; 紀子 noriko; 順子 junko; 愛 ai/megumi; 彩 aya; 麻衣 mai; 舞 mai; 香織 kaori;
恵 megumi/kei; 美香 mika; 理恵 rie; 絵美 emi; 愛子 aiko; 千春 chiharu; 奈々 nana; 七海 nanami; 結衣 yui;
葵 aoi; 陽菜 hina/haruna; 美月 mizuki; 優奈 yuna; 莉子 riko; 凛 rin; 花子 hanako; 春香 haruka; 明美
akemi; 美智子 michiko; 節子 setsuko; 文子 fumiko; 弘子 hiroko; 博子 hiroko; 敏子 toshiko; 悦子 etsuko;
太郎 taro; 一郎 ichiro; 次郎 jiro; 二郎 jiro; 三郎 saburo; 健 ken/takeshi; 健一 kenichi; 健太 kenta;
健太郎 kentaro; 拓也 takuya; 達也 tatsuya; 直樹 naoki; 大樹 daiki; 翔 sho; 翔平 shohei; 蓮 ren; 陽斗
haruto; 悠斗 yuto; 大翔 hiroto/haruto; 颯太 sota; 涼 ryo; 亮 ryo; 徹 toru; 剛 tsuyoshi/takeshi; 修
osamu; 茂 shigeru; 実 minoru; 進 susumu; 清 kiyoshi; 勝 masaru; 博 hiroshi; 宏 hiroshi; 弘
hiroshi; 明 akira; 彰 akira; 豊 yutaka; 学 manabu; 哲也 tetsuya; 和也 kazuya; 雄一 yuichi; 裕一
yuichi; 雄太 yuta; 優太 yuta; 拓海 takumi; 海斗 kaito; 陸 riku/lu; 駿 shun; 俊介 shunsuke; 康平 kohei;
浩二 koji; 浩司 koji; 孝 takashi; 孝之 takayuki; 正 tadashi/masa; 正樹 masaki; 正人 masato; 雅人
masato; 秀樹 hideki; 英樹 hideki; 英明 hideaki; 義雄 yoshio; 和夫 kazuo; 幸一 koichi; 浩一 koichi; 光一
koichi; 信 makoto/shin; 真 makoto/shin; 真一 shinichi; 慎一 shinichi; 伸一 shinichi; 淳
jun/atsushi; 敦 atsushi; 篤 atsushi; 仁 hitoshi/jin; 智 satoshi/tomo; 悟 satoshi; 昇 noboru; 章
akira; 晃 akira; 晶 akira; 薫 kaoru; 忍 shinobu; 渚 nagisa; 光 hikaru; 翼 tsubasa; 瞳 hitomi; 楓
kaede; 茜 akane; 泉 izumi; 梓 azusa; 緑 midori; 綾 aya; 綾子 ayako; 綾香 ayaka; 彩香 ayaka; 里美
satomi; 聡美 satomi; 友美 tomomi; 知美 tomomi; 美紀 miki; 美樹 miki; 美幸 miyuki; 久美 kumi; 麻美
asami/mami; 亜美 ami; 真美 mami; 静香 shizuka; 佳奈 kana; 加奈 kana; 美和 miwa; 美奈子 minako; 貴子
takako; 孝子 takako; 김 kim; 이 lee/yi/rhee; 박 park/pak; 최 choi/choe; 정 jung/jeong/chung; 강
kang; 조 cho/jo; 윤 yoon/yun; 장 jang/chang; 임 lim/im; 한 han; 오 oh/o; 서 seo/suh; 신
shin/sin; 권 kwon; 황 hwang; 안 ahn/an; 송 song; 전 jeon/jun; 홍 hong; 유 yoo/yu; 고 ko/go; 문
moon/mun; 양 yang; 손 son/sohn; 배 bae; 백 baek/paik; 허 huh/heo; 남 nam; 심 shim/sim; 노
roh/noh; 하 ha; 곽 kwak; 성 sung/seong; 차 cha; 주 joo/ju; 우 woo/u; 구 koo/ku; 나 na; 민 min; 진
jin; 지 ji; 엄 um/eom; 채 chae; 원 won; 천 chun/cheon; 방 bang; 공 kong; 현 hyun; 王 wang/wong; 李
li/lee; 张 zhang; 張 zhang/chang/cheung; 刘 liu; 劉 liu/lau; 陈 chen; 陳 chen/chan/tan; 杨
yang; 楊 yang/yeung; 黄 huang; 黃 huang/wong; 赵 zhao; 趙 zhao/chao; 周 zhou/chow; 吴 wu; 吳
wu/ng; 徐 xu/hsu; 孙 sun; 孫 sun; 马 ma; 馬 ma; 朱 zhu/chu; 胡 hu/wu; 郭 guo/kuo/kwok; 何 he/ho;
罗 luo; 羅 luo/lo; 高 gao/kao; 梁 liang/leung; 郑 zheng; 鄭 zheng/cheng; 谢 xie; 謝
xie/hsieh/tse; 宋 song/sung; 唐 tang; 许 xu; 許 xu/hsu; 韩 han; 韓 han; 冯 feng; 馮 feng/fung; 邓
deng; 鄧 deng/teng/tang; 曹 cao/tsao; 彭 peng; 曾 zeng/tseng/tsang; 萧 xiao; 蕭 xiao/hsiao; 田
tian/tien; 潘 pan; 袁 yuan; 蔡 cai/tsai/choi; 蒋 jiang; 蔣 jiang/chiang; 余 yu; 于 yu; 杜 du/tu;
叶 ye; 葉 ye/yeh/yip; 程 cheng; 魏 wei; 苏 su; 蘇 su; 吕 lu; 呂 lu; 丁 ding/ting; 沈 shen; 任 ren;
姚 yao; 卢 lu; 盧 lu/lo; 傅 fu; 钟 zhong; 鍾 zhong/chung; 姜 jiang; 崔 cui; 谭 tan; 譚 tan/tam; 廖
liao/liu; 范 fan; 汪 wang; 陆 lu; 金 jin/kim; 石 shi/shih; 戴 dai/tai; 贾 jia; 邱 qiu/chiu; 江
jiang/chiang; 伟 wei; 芳 fang; 娜 na; 敏 min; 静 jing; 丽 li; 强 qiang; 磊 lei; 军 jun; 洋 yang; 勇
yong; 艳 yan; 杰 jie; 娟 juan; 涛 tao; 超 chao; 明明 mingming; 霞 xia; 平 ping; 刚 gang; 桂英
guiying; 秀英 xiuying; 秀兰 xiulan; 玉兰 yulan; 建华 jianhua; 建国 jianguo; 志强 zhiqiang; 伟伟
weiwei; 小明 xiaoming; 丽丽 lili; 婷婷 tingting; 欣怡 xinyi; 子涵 zihan; 浩然 haoran
"""


def _table() -> Mapping[str, tuple[str, ...]]:
    entries = (entry.split() for entry in _TABLE.split(";"))
    return {word: tuple(readings.split("/")) for word, readings in entries}


READINGS: Mapping[str, tuple[str, ...]] = _table()
"""Folded word -> its readings in Latin letters."""
